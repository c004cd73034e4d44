//! Specs to cases: one per combination of parameters and IP version, a straight line of steps.

mod constant;
mod cookies;

pub use constant::constant;

use super::case::{
    AppEvent, Application, Case, ConnPlan, Family, Ignore, Level, State, Step, Verb,
};
use super::catalogue::Catalogue;
use super::claims;
use super::decode::{Handshake, Heard, Reader};
use super::diagnostic::Diagnostic;
use super::expr::Constants;
use super::head::Spec;
use super::preamble::{self, Preambles, Via};
use super::profile::Profile;
use super::table::{CONN, FILE, IGNORABLE, INVARIANTS, START};
use super::yaml::Node;
use constant::{least_time, most_time};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// The MTU for which `LINK.MSS` is worked out.
pub const LINK_MTU: u16 = 1500;

/// What cases are made with, besides their specs.
pub(super) struct Setting<'a> {
    /// `None`: what specs cover is not checked.
    catalogue: Option<&'a Catalogue>,
    preambles: &'a Preambles,
    /// `None`: for any profile, to find the errors.
    profile: Option<&'a Profile>,
    /// Steps are left out: what remains is enough for a list.
    outline: bool,
    /// Of IPv4 and of IPv6.
    constants: [Constants; 2],
    /// Preambles that were read before: the same few serve all cases.
    read: RefCell<BTreeMap<PreambleKey, Rc<ReadPreamble>>>,
}

/// Name of the state, variant, and IP version (of which the MSS depends).
type PreambleKey = (&'static str, Via, Family);

/// The steps of a preamble, and what is wrong with them.
type ReadPreamble = (Vec<Step>, Vec<Diagnostic>);

impl<'a> Setting<'a> {
    pub(super) fn new(
        catalogue: Option<&'a Catalogue>,
        preambles: &'a Preambles,
        profile: Option<&'a Profile>,
    ) -> Self {
        Self {
            catalogue,
            preambles,
            profile,
            outline: false,
            constants: [Family::V4, Family::V6].map(|family| constants(profile, family)),
            read: RefCell::default(),
        }
    }

    /// For a list.
    pub(super) fn without_steps(self) -> Self {
        Self {
            outline: true,
            ..self
        }
    }

    fn constants(&self, family: Family) -> Constants {
        let [v4, v6] = self.constants;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// The steps that lead to a state, before options and application are known.
    fn preamble(&self, state: State, via: Via, family: Family) -> Rc<ReadPreamble> {
        let key = (state.name(), via, family);
        if let Some(read) = self.read.borrow().get(&key) {
            return Rc::clone(read);
        }
        let read = Rc::new(self.read_preamble(state, via, family));
        self.read.borrow_mut().insert(key, Rc::clone(&read));
        read
    }

    fn read_preamble(&self, state: State, via: Via, family: Family) -> ReadPreamble {
        let chain = match self.preambles.chain(state, via) {
            Ok(chain) => chain,
            Err(fault) => return (Vec::new(), vec![fault]),
        };
        let mut reader = Reader::new(self.catalogue, self.profile);
        reader.family = Some(family);
        reader.preamble = Some(preamble::name(state));
        reader.scope.conns = vec!["a".to_owned()];
        reader.shifts = vec![Some(0)];
        reader.heard = vec![Heard::default()];
        reader.scope.constants = self.constants(family);
        let steps = reader.steps(&chain.steps);
        (steps, reader.faults)
    }
}

/// Makes all cases of a spec for some IP versions; of those that cannot be made, what is wrong.
pub(super) fn all<'a>(
    spec: &'a Spec,
    families: &'a [Family],
    setting: &'a Setting<'_>,
) -> impl Iterator<Item = Result<Case, Vec<Diagnostic>>> + 'a {
    (0..spec.combinations()).flat_map(move |at| {
        let chosen = spec.combination(at);
        let own = spec.families.iter().filter(|own| families.contains(own));
        own.map(move |family| case(spec, &chosen, *family, setting))
    })
}

/// Makes the case of a combination of parameters.
fn case(
    spec: &Spec,
    chosen: &[usize],
    family: Family,
    setting: &Setting<'_>,
) -> Result<Case, Vec<Diagnostic>> {
    let mut reader = Reader::new(setting.catalogue, setting.profile);
    reader.family = Some(family);
    reader.families.clone_from(&spec.families);
    reader.scope.parameters = spec.bound(chosen);
    reader.scope.constants = setting.constants(family);
    let root = spec.document.root();
    let Some(fields) = reader.fields(&root, "a spec", &[FILE]) else {
        return Err(reader.faults);
    };
    let ignored = reader.words(
        fields.get("ignore"),
        "a kind of segment to ignore",
        IGNORABLE,
    );
    let except = reader.words(fields.get("except"), "an always-checked rule", INVARIANTS);
    let needs = reader.words(fields.get("needs"), "a claim", claims::CLAIMS);
    let covers = covers(&mut reader, fields.get("covers"));
    let level = level(&mut reader, fields.get("level"));
    let conns = conns(&mut reader, fields.get("conns"));
    reader.scope.conns = conns.iter().map(|conn| conn.name.clone()).collect();
    reader.shifts = vec![Some(0); conns.len()];
    reader.heard = vec![Heard::default(); conns.len()];
    let start = fields
        .get("start")
        .and_then(|node| start(&mut reader, node));
    let steps = straight_line(
        &mut reader,
        fields.get("steps"),
        start.as_ref(),
        family,
        setting,
    );
    let is_empty = !setting.outline && steps.iter().all(|step| step.preamble.is_some());
    let link_mss = setting.constants(family).link_mss;
    let lost = cookies::lose(setting.profile, start.as_ref(), &steps, link_mss);
    let skip = skip_reason(&needs, setting.profile)
        .or_else(|| is_empty.then(|| NOTHING_TO_DO.to_owned()))
        .or_else(|| lost.then(|| cookies::NOTHING_KEPT.to_owned()));
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    let params = spec.shown(chosen);
    Ok(Case {
        id: spec.case_id(&params, family),
        folder: spec.folder.clone(),
        section: spec.section.clone(),
        title: spec.title.clone(),
        family,
        params,
        covers,
        level,
        skip,
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        ignore: ignore(&ignored),
        except: except.into_iter().map(str::to_owned).collect(),
        conns,
        application: start.map(|start| start.application).unwrap_or_default(),
        least_time: least_time(&steps),
        most_time: most_time(&steps),
        steps,
        file: Arc::clone(&spec.file),
    })
}

/// The steps of the preamble, and those of the spec.
fn straight_line<'a>(
    reader: &mut Reader<'a>,
    own: Option<&Node<'a>>,
    start: Option<&Start>,
    family: Family,
    setting: &Setting<'_>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if setting.outline {
        return steps;
    }
    if let Some(start) = start {
        let read = setting.preamble(start.state, start.via, family);
        reader.faults.extend(read.1.iter().cloned());
        steps = preamble_steps(start, &read.0, reader.scope.constants.link_mss);
        reader.note_heard(&steps);
        for step in &steps {
            if let Verb::Inject(inject) = &step.verb {
                reader.note_shift(step.conn, inject);
            }
        }
    }
    if let Some(node) = own {
        let nodes = reader.list(node, "`steps`");
        let own = reader.steps(&nodes);
        let chosen = setting.profile.is_some() && nodes.iter().any(is_chosen_by_policy);
        if own.is_empty() && reader.faults.is_empty() && !chosen {
            let message = "a case needs at least one step: this one has none";
            reader.fault(node.error("spec::no-steps", message));
        }
        steps.extend(own);
    }
    steps
}

/// `when: profile.POLICY`: whether there is anything to do is for the device's makers to say.
fn is_chosen_by_policy(step: &Node<'_>) -> bool {
    let mut entries = step.entries().unwrap_or_default().into_iter();
    let when = entries.find(|entry| entry.key == "when");
    let text = when.and_then(|entry| entry.node.text().map(|text| text.starts_with("profile.")));
    text.unwrap_or(false)
}

/// The constants of a profile; the RFCs' values where it does not say.
pub(super) fn constants(profile: Option<&Profile>, family: Family) -> Constants {
    let standard = Constants::default();
    let nanos = |policy: &str, standard: i64| {
        let text = profile.and_then(|profile| profile.policies.get(policy));
        text.and_then(|text| super::profiles::duration(text))
            .unwrap_or(standard)
    };
    let number = |policy: &str, standard: i64| {
        let text = profile.and_then(|profile| profile.policies.get(policy));
        text.and_then(|text| text.parse().ok()).unwrap_or(standard)
    };
    let headers = match family {
        Family::V4 => 40,
        Family::V6 => 60,
    };
    let rto_max = nanos("max_rto", standard.rto_max);
    Constants {
        link_mss: i64::from(LINK_MTU) - headers,
        msl: nanos("msl", standard.msl),
        rto_initial: nanos("initial_rto", standard.rto_initial),
        rto_min: nanos("min_rto", standard.rto_min),
        rto_max,
        fin_wait_2: nanos("fin_wait_2", standard.fin_wait_2),
        path_mtu_raise: nanos("path_mtu_raise", standard.path_mtu_raise),
        persist_max: nanos("max_persist", rto_max),
        keepalive_idle: nanos("keepalive.idle", standard.keepalive_idle),
        keepalive_interval: nanos("keepalive.interval", standard.keepalive_interval),
        keepalive_count: number("keepalive.count", standard.keepalive_count),
        syn_retries: number("syn_retries", standard.syn_retries),
        synack_retries: number("synack_retries", standard.synack_retries),
        synack_pressed: number("synack_retries_pressed", standard.synack_pressed),
        somaxconn: number("somaxconn", standard.somaxconn),
    }
}

fn covers<'a>(reader: &mut Reader<'a>, node: Option<&Node<'a>>) -> Vec<String> {
    let nodes = node.map(|node| reader.list(node, "`covers`"));
    let mut ids = Vec::new();
    for node in nodes.unwrap_or_default() {
        let Some(node) = reader.resolve(&node) else {
            continue;
        };
        // A row of a case table may have several ids, or none.
        match node.items() {
            Some(items) => ids.extend(items.iter().filter_map(|item| reader.requirement(item))),
            None => ids.extend(reader.requirement(&node)),
        }
    }
    ids
}

fn level<'a>(reader: &mut Reader<'a>, node: Option<&Node<'a>>) -> Level {
    let word = node.and_then(|node| reader.word(node, "a level", &["must", "should"]));
    if word == Some("should") {
        Level::Should
    } else {
        Level::Must
    }
}

fn ignore(words: &[&str]) -> Ignore {
    Ignore {
        retransmission: words.contains(&"retransmission"),
        window_update: words.contains(&"window-update"),
        duplicate_ack: words.contains(&"duplicate-ack"),
    }
}

/// Why a case is skipped of which a policy of the device leaves nothing.
const NOTHING_TO_DO: &str = "asks for nothing where the device's makers chose as they did";

/// Why the device cannot be asked.
fn skip_reason(needs: &[&str], profile: Option<&Profile>) -> Option<String> {
    let profile = profile?;
    let missing: Vec<&str> = needs
        .iter()
        .copied()
        .filter(|need| !profile.claims.contains(*need))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "needs {}, which {} does not claim",
            missing.join(" and "),
            profile.device
        )
    })
}

/// `conns: {b: {same_tuple: a}}`; `a` is there always.
fn conns<'a>(reader: &mut Reader<'a>, node: Option<&Node<'a>>) -> Vec<ConnPlan> {
    let mut plans = vec![ConnPlan {
        name: "a".to_owned(),
        same_tuple: None,
        own_port: false,
        second_address: false,
    }];
    let Some(node) = node else { return plans };
    let Some(entries) = node.entries() else {
        let message = "`conns` is a map: `{b: {same_tuple: a}}`";
        reader.fault(node.error("spec::type", message));
        return plans;
    };
    for entry in entries {
        let fields = reader.fields(&entry.node, "a connection", &[CONN]);
        let mut says = |name, what, word| {
            let node = fields.as_ref().and_then(|fields| fields.get(name).cloned());
            node.is_some_and(|node| reader.word(&node, what, &[word]).is_some())
        };
        let own_port = says("port", "a port", "own");
        let second_address = says("address", "an address", "second");
        let same = fields.and_then(|fields| fields.get("same_tuple").cloned());
        let same_tuple = same.and_then(|node| {
            let name = reader.text(&node, "a connection")?;
            let found = plans.iter().position(|plan| plan.name == name);
            if found.is_none() {
                let message = format!("no connection `{name}` is declared before");
                reader.fault(node.error("spec::unknown-connection", message));
            }
            found
        });
        let bad = entry.key == "a"
            || entry.key == "prev"
            || !entry
                .key
                .bytes()
                .all(|o| o.is_ascii_lowercase() || o.is_ascii_digit());
        if bad {
            let message = format!("`{}` cannot be a connection", entry.key);
            let source = node.source();
            reader.fault(
                Diagnostic::error("spec::bad-name", source, entry.key_span, message)
                    .help("small letters and digits; `a` is there always"),
            );
        }
        plans.push(ConnPlan {
            name: entry.key.into_owned(),
            same_tuple,
            own_port,
            second_address,
        });
    }
    plans
}

/// `start:`.
struct Start {
    state: State,
    via: Via,
    handshake: Option<Handshake>,
    application: Application,
}

fn start<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Option<Start> {
    let node = reader.resolve(node)?;
    if node.entries().is_none() {
        let state = reader.state(&node)?;
        let application = Application::default();
        return Some(Start {
            state,
            via: Via::Passive,
            handshake: None,
            application,
        });
    }
    let fields = reader.fields(&node, "`start`", &[START])?;
    let Some(state) = fields.get("state") else {
        reader.missing(&node, "`start`", &["state"]);
        return None;
    };
    let state = reader.state(state);
    let via = fields.get("via").and_then(|node| {
        let word = reader.word(node, "a way to open", &["active", "passive"])?;
        Some(if word == "active" {
            Via::Active
        } else {
            Via::Passive
        })
    });
    let mut manual = |name| {
        let node = fields.get(name);
        node.is_some_and(|node| reader.word(node, "a way to do it", &["manual"]).is_some())
    };
    let (accepts, reads) = (!manual("accept"), !manual("read"));
    let backlog = fields
        .get("backlog")
        .and_then(|node| reader.count(node, 65_535));
    let set = fields
        .get("set")
        .and_then(|node| reader.settings(node))
        .unwrap_or_default();
    let handshake = fields.get("with").and_then(|node| reader.handshake(node));
    let backlog = backlog.map(|value| value as u32);
    let application = Application {
        accepts,
        reads,
        backlog,
        set,
    };
    Some(Start {
        state: state?,
        via: via.unwrap_or(Via::Passive),
        handshake,
        application,
    })
}

/// The steps of the preamble, for this application and these options.
fn preamble_steps(start: &Start, read: &[Step], link_mss: i64) -> Vec<Step> {
    let left_out = |verb: &Verb| match verb {
        Verb::App(wait) => match wait.event {
            AppEvent::Accepted => !start.application.accepts,
            AppEvent::Eof => !start.application.reads,
            _ => false,
        },
        _ => false,
    };
    let plain = Handshake::plain(link_mss);
    let handshake = start.handshake.as_ref().unwrap_or(&plain);
    let mut steps: Vec<Step> = read
        .iter()
        .filter(|s| !left_out(&s.verb))
        .cloned()
        .collect();
    for step in &mut steps {
        if let Verb::Inject(inject) = &mut step.verb {
            handshake.apply(inject);
        }
    }
    steps
}
