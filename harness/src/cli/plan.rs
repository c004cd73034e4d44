//! What a command is about: the suite, the device's profile, and the cases that are meant.

use super::arguments::{Families, FilterArguments, HostArguments};
use super::meant;
use super::remote::settings::{self, Unmade, skip_leaning};
use super::remote::{Remote, Slip, end};
use super::{Context, Failure};
use crate::device::{BUNDLED, FOREIGN, InProcess};
use crate::select::filter::Filter;
use crate::select::{Selection, Selector, Shard, Subject};
use crate::spec::case::{Case, Family};
use crate::spec::profile::Profile;
use crate::spec::service::Service;
use crate::spec::{self, Catalogue, Diagnostics, SUITES, Suite};
use std::net::IpAddr;
use std::path::Path;
use tcpspec_reports::text;

/// Why a slow case is left out of a run on a real clock.
const SLOW: &str = "slow: more than 10 s on a real clock; --slow runs it";

/// The devices that a run can name.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A stack in this process, on the virtual clock.
    Simulated(InProcess),
    /// This machine's kernel, on the real clock.
    Kernel,
    /// A host on the network, on the real clock.
    Host(Box<Remote>),
}

impl Target {
    /// Reads the name of a device.
    pub(super) fn parse(
        name: &str,
        host: &HostArguments,
        in_process: &[InProcess],
    ) -> Result<Self, Failure> {
        if let Some(device) = in_process.iter().find(|device| device.name == name) {
            return no_host(name, host).map(|()| Self::Simulated(*device));
        }
        if name == "kernel" {
            return no_host(name, host).map(|()| Self::Kernel);
        }
        if let (Ok(address), Some(service)) = (name.parse::<IpAddr>(), &host.service) {
            return Err(Failure::Usage(format!(
                "on which port of {address} is the service `{service}`? `-d ADDRESS:PORT`"
            )));
        }
        if FOREIGN.contains(&name) {
            return Err(Failure::Usage(format!(
                "`{name}` is not compiled in; `cargo install --path harness --features {name}` \
                 makes a tcpspec that has it"
            )));
        }
        match end(name) {
            Ok(end) => return Ok(Self::Host(Box::new(Remote::new(end, host)?))),
            Err(Slip::Host(wrong)) => return Err(Failure::Usage(wrong)),
            Err(Slip::Name) => {}
        }
        let names: Vec<String> = in_process
            .iter()
            .map(|it| format!("`{}`", it.name))
            .collect();
        Err(Failure::Usage(format!(
            "no device `{name}`; there are {}, `kernel` and IP addresses (`192.0.2.7:8080`; \
             names of hosts are not looked up); `tcpspec list --devices`",
            names.join(", ")
        )))
    }

    /// The name by which reports call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Simulated(device) => device.name.to_owned(),
            Self::Kernel => "kernel".to_owned(),
            Self::Host(remote) => remote.name(),
        }
    }

    /// The file of its profile, without the ending.
    pub(super) fn profile_name(&self) -> &str {
        match self {
            Self::Simulated(device) => device.name,
            Self::Kernel => "linux",
            Self::Host(remote) => remote.profile(),
        }
    }

    /// Its cases take as long as their timers do.
    pub(super) fn is_on_the_real_clock(&self) -> bool {
        !matches!(self, Self::Simulated(_))
    }

    /// What it can play is told by the steps of a case.
    fn looks_at_steps(&self) -> bool {
        match self {
            Self::Simulated(device) => device.name != BUNDLED.name,
            Self::Kernel => false,
            Self::Host(_) => true,
        }
    }

    /// The IP versions that can reach it.
    fn families(&self, asked: Families) -> &'static [Family] {
        let both = families(asked);
        match self {
            Self::Simulated(_) | Self::Kernel => both,
            Self::Host(remote) => match both.iter().position(|it| *it == remote.family()) {
                Some(at) => &both[at..=at],
                None => &[],
            },
        }
    }
}

/// What is said of a host is not said of a device that is none: whoever says it means another.
fn no_host(name: &str, host: &HostArguments) -> Result<(), Failure> {
    host.given().map_or(Ok(()), |flag| {
        Err(Failure::Usage(format!(
            "{flag} belongs to a host, and the device is `{name}`; name the host (`-d ADDRESS`), \
             or leave {flag} out"
        )))
    })
}

/// Skips what the stack's own interface cannot be made to do, with the reason.
fn skip_unfit(device: &InProcess, cases: &mut [Case]) {
    for case in cases.iter_mut().filter(|case| case.skip.is_none()) {
        case.skip = (device.unfit)(case);
    }
}

/// How cases are made of the specs.
type Unroll = fn(&Suite, &Profile, &[Family]) -> Result<Vec<Case>, Diagnostics>;

/// The suite and what was selected of it.
pub(super) struct Plan {
    /// Everything that was loaded.
    pub suite: Suite,
    /// The device.
    pub target: Target,
    /// Its profile.
    pub profile: Profile,
    /// What listens on it, if that is known.
    pub(super) service: Option<Service>,
    /// The selected cases, in their order.
    pub cases: Vec<Case>,
    /// The ids of all cases that the device can play; `None` where nobody knows.
    pub(super) able: Option<Vec<String>>,
    /// Settings that the profile counts on, and this host may not have.
    unmade: Vec<Unmade>,
    /// So many of the cases lean on them.
    leaning: usize,
}

impl Plan {
    /// Loads the suite and selects.
    pub(super) fn make(
        context: &Context,
        target: Target,
        select: &[String],
        filter: &FilterArguments,
        slow: bool,
    ) -> Result<Self, Failure> {
        let suite = context.suite(select)?;
        Self::made(suite, target, select, filter, slow, Suite::cases)
    }

    /// As [`Plan::make`], for a list: without steps, unless it takes them to tell what is meant,
    /// and without deviations; with the catalogue if it is to be listed, or to tell what is meant.
    pub(super) fn outline(
        context: &Context,
        target: Target,
        select: &[String],
        filter: &FilterArguments,
        requirements: bool,
    ) -> Result<Self, Failure> {
        if !filter.filters.is_empty() || target.looks_at_steps() {
            return Self::make(context, target, select, filter, true);
        }
        let mut sources = context.sources(select)?.without("deviations");
        if select.is_empty() && filter.suite.is_none() && !requirements {
            sources = sources.without("requirements");
        }
        let suite = spec::read_heads(&sources).map_err(Failure::Specs)?;
        Self::made(suite, target, select, filter, true, Suite::outline)
    }

    fn made(
        suite: Suite,
        target: Target,
        select: &[String],
        filter: &FilterArguments,
        slow: bool,
        unroll: Unroll,
    ) -> Result<Self, Failure> {
        let selection = selection(select, filter, suite.catalogue())?;
        let mut profile = suite
            .profile(target.profile_name())
            .cloned()
            .ok_or_else(|| {
                Failure::Usage(format!(
                    "no profile specs/devices/{}.yaml for the device `{}`",
                    target.profile_name(),
                    target.name()
                ))
            })?;
        let mut unmade = Vec::new();
        if let Target::Host(remote) = &target {
            unmade = remote.settle(&mut profile)?;
            profile.observes = remote.observes();
        }
        let families = target.families(filter.family);
        let cases = unroll(&suite, &profile, families).map_err(Failure::Specs)?;
        meant::check(select, &selection, &suite, &cases)?;
        let able = able(&suite, &target, &profile, &cases)?;
        let in_all_shards = cases
            .iter()
            .filter(|case| selection.selects(&(*case).into()));
        let in_all_shards = in_all_shards.count();
        let mut cases = selection.pick(cases);
        if cases.is_empty() {
            return Err(nothing(select, filter, in_all_shards, &suite));
        }
        let service = service(&suite, &target)?;
        match &target {
            Target::Host(remote) => remote.fit(&mut cases, service.as_ref()),
            Target::Simulated(device) => skip_unfit(device, &mut cases),
            Target::Kernel => {}
        }
        let leaning = skip_leaning(&mut cases, &profile.leaning, &unmade);
        if target.is_on_the_real_clock() && !slow {
            for case in cases
                .iter_mut()
                .filter(|case| Subject::from(&**case).is_slow())
            {
                case.skip.get_or_insert_with(|| SLOW.to_owned());
            }
        }
        Ok(Self {
            suite,
            target,
            profile,
            service,
            cases,
            able,
            unmade,
            leaning,
        })
    }

    /// What a reader of the verdicts has to know of the host's settings.
    pub(super) fn caution(&self) -> Option<String> {
        settings::caution(&self.profile.device, &self.unmade, self.leaning)
    }

    /// How many specs the selected cases belong to.
    pub(super) fn specs(&self) -> usize {
        let mut files: Vec<&str> = self.cases.iter().map(|case| &*case.file).collect();
        files.dedup();
        files.len()
    }
}

/// The service that the command line names: one of the suite, or a file.
fn service(suite: &Suite, target: &Target) -> Result<Option<Service>, Failure> {
    let Target::Host(remote) = target else {
        return Ok(None);
    };
    let Some(name) = remote.service() else {
        return Ok(None);
    };
    if let Some(known) = suite.service(name) {
        return Ok(Some(known.clone()));
    }
    let path = Path::new(name);
    if path.is_file() {
        return Service::file(path).map(Some).map_err(Failure::Specs);
    }
    let known: Vec<&str> = suite.services().map(|known| &*known.name).collect();
    Err(Failure::Usage(format!(
        "no service `{name}`, and no such file; there are {}",
        known.join(", ")
    )))
}

/// The ids of all cases of the suite that the device can play, of both IP versions. `None` for a
/// host: what nobody can see of it is no proof that a deviation is gone.
fn able(
    suite: &Suite,
    target: &Target,
    profile: &Profile,
    cases: &[Case],
) -> Result<Option<Vec<String>>, Failure> {
    let ids = |cases: &[Case]| {
        let able = cases.iter().filter(|case| case.skip.is_none());
        Some(able.map(|case| case.id.clone()).collect())
    };
    let both = families(Families::Both);
    let has_both = || {
        both.iter()
            .all(|it| cases.iter().any(|case| case.family == *it))
    };
    if matches!(target, Target::Host(_)) || suite.deviations().is_empty() {
        Ok(None)
    } else if has_both() {
        Ok(ids(cases))
    } else {
        Ok(ids(&suite.cases(profile, both).map_err(Failure::Specs)?))
    }
}

/// The IP versions that the flag means.
pub(super) fn families(choice: Families) -> &'static [Family] {
    match choice {
        Families::V4 => &[Family::V4],
        Families::V6 => &[Family::V6],
        Families::Both => &[Family::V4, Family::V6],
    }
}

/// What selectors and flags mean.
pub(super) fn selection(
    select: &[String],
    filter: &FilterArguments,
    catalogue: &Catalogue,
) -> Result<Selection, Failure> {
    let selectors = select
        .iter()
        .map(|text| {
            if Path::new(text).exists() {
                Ok(Selector::Path(path_as_cited(text)))
            } else {
                Selector::parse(text, |id| catalogue.get(id).is_some())
            }
        })
        .collect::<Result<_, _>>()
        .map_err(Failure::Usage)?;
    let filters = filter
        .filters
        .iter()
        .map(|text| match text.trim() {
            "" => Err("an empty filter; leave it out to select all".to_owned()),
            _ => Filter::parse(text, catalogue).map_err(|error| format!("filter: {error}")),
        })
        .collect::<Result<_, _>>()
        .map_err(Failure::Usage)?;
    let covering = match &filter.suite {
        None => Vec::new(),
        Some(name) => suite_ids(name, catalogue)?,
    };
    Ok(Selection {
        selectors,
        filters,
        covering,
        shard: filter.shard,
    })
}

/// The ids of the suite that `--suite` names.
fn suite_ids(name: &str, catalogue: &Catalogue) -> Result<Vec<String>, Failure> {
    let Some((_, cases)) = catalogue.suite(name) else {
        let known: Vec<String> = SUITES.iter().map(|(name, _)| format!("`{name}`")).collect();
        return Err(Failure::Usage(format!(
            "no suite `{name}`; there is {}",
            known.join(", ")
        )));
    };
    Ok(cases.iter().map(|case| case.id.clone()).collect())
}

/// A path without what messages leave out as well.
fn path_as_cited(text: &str) -> String {
    text.trim_start_matches("./")
        .trim_end_matches('/')
        .to_owned()
}

fn nothing(select: &[String], filter: &FilterArguments, cases: usize, suite: &Suite) -> Failure {
    if let Some(Shard { index, count }) = filter.shard.filter(|_| cases > 0) {
        let cases = text::count(cases, "case");
        return Failure::Nothing(format!(
            "shard {index}/{count} is empty: {cases} fill fewer shards than {count}"
        ));
    }
    if suite.specs().is_empty() {
        let message = "there is no spec: `--specs`, or the folder beside tcpspec.toml, is empty";
        return Failure::Nothing(message.to_owned());
    }
    let selectors = (!select.is_empty()).then(|| format!("is selected by {}", select.join(" ")));
    let filters = filter.filters.iter().map(|it| format!("matches `{it}`"));
    let family = match filter.family {
        Families::Both => None,
        Families::V4 => Some("is of IPv4".to_owned()),
        Families::V6 => Some("is of IPv6".to_owned()),
    };
    let suite_of = filter.suite.iter().map(|name| format!("is of `{name}`"));
    let asked = selectors.into_iter().chain(filters).chain(suite_of);
    let asked: Vec<String> = asked.chain(family).collect();
    let asked = asked.join(" and ");
    Failure::Nothing(format!(
        "no case of {} specs {asked}; `tcpspec list` shows what there is",
        suite.specs().len()
    ))
}
