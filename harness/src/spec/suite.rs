//! Everything under `specs/`: read, checked, and made into cases.
//!
//! A broken file is an error with all that is wrong with it; nothing is ever skipped in silence.

use super::case::{Case, Family};
use super::catalogue::Catalogue;
use super::deviations::{self, Deviation};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::expand::{self, Setting};
use super::explain;
use super::head::{self, Spec};
use super::lint;
use super::parallel;
use super::preamble::Preambles;
use super::profile::Profile;
use super::profiles;
use super::service::Service;
use super::source::{Source, Span};
use super::sources::{CANARY, Sources, spec_of_case};
use super::yaml::Document;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;

/// All that was read.
#[derive(Debug)]
pub struct Suite {
    specs: Vec<Spec>,
    canaries: Vec<Spec>,
    catalogue: Catalogue,
    preambles: Preambles,
    profiles: BTreeMap<String, Profile>,
    services: BTreeMap<String, Service>,
    deviations: Vec<Deviation>,
}

/// Reads everything; the error holds all that is wrong with all files.
pub fn load(sources: &Sources) -> Result<Suite, Diagnostics> {
    let suite = read(sources)?;
    Diagnostics(suite.check()).or(suite)
}

/// Reads everything but the steps: what is wrong with them, [`Suite::cases`] and [`Suite::lint`]
/// find when they unroll them. The error holds all that is wrong with all files, steps included.
pub fn read(sources: &Sources) -> Result<Suite, Diagnostics> {
    read_specs(sources, |_, _| true, Document::salvage)
}

/// As [`read`], as far as [`Suite::outline`] needs it: what stands before the steps. What is wrong
/// behind that is found by whoever reads the steps.
pub fn read_heads(sources: &Sources) -> Result<Suite, Diagnostics> {
    // What is wrong is told together with all that is.
    read_specs(sources, |_, _| true, Document::salvage_head).or_else(|_| read(sources))
}

/// As [`load`], with the one spec that a case belongs to.
pub fn load_one(sources: &Sources, case_id: &str) -> Result<Suite, Diagnostics> {
    let wanted = spec_of_case(case_id);
    let is_wanted = |folder: &str, name: &str| Some((head::section(folder), name)) == wanted;
    let suite = read_specs(sources, is_wanted, Document::salvage)?;
    Diagnostics(suite.check()).or(suite)
}

/// A spec file as it is cited, and the ids of its cases or what is wrong with it.
pub type FileNames = (Arc<str>, Result<Vec<String>, Diagnostics>);

/// The ids of the cases of each spec file, or what is wrong with the file, without reading any
/// step: for a list of tests.
pub fn case_names(sources: &Sources) -> Vec<FileNames> {
    let read = |document: Document, folder: &str, name: &str| {
        let (spec, faults) = Spec::read(folder, name, &Arc::new(document));
        Diagnostics(faults).or(spec.map(|spec| spec.case_ids()).unwrap_or_default())
    };
    let names = |folder: &str, name: &str, source: &Arc<Source>| {
        let quick = Document::read_unplaced(source)?;
        // What is wrong is told with its place.
        read(quick, folder, name).or_else(|_| read(Document::read(source)?, folder, name))
    };
    let files = sources
        .specs()
        .into_iter()
        .filter(|(folder, ..)| *folder != CANARY);
    files
        .map(|(folder, name, file)| (Arc::clone(&file.name), names(folder, name, file)))
        .collect()
}

/// Reads a spec's file, or its head, as far as it can be read.
type SpecReader = fn(&Arc<Source>) -> (Option<Document>, Vec<Diagnostic>);

fn read_specs(
    sources: &Sources,
    wanted: impl Fn(&str, &str) -> bool,
    reader: SpecReader,
) -> Result<Suite, Diagnostics> {
    let mut files = sources.specs();
    files.retain(|(folder, name, _)| wanted(folder, name));
    let ((catalogue, mut faults), read) = std::thread::scope(|scope| {
        let catalogue = scope.spawn(|| catalogue(sources));
        let read = parallel::map(
            &files,
            || (),
            |(), (folder, name, file)| read_spec(folder, name, file, reader),
        );
        let catalogue = catalogue.join();
        (catalogue.unwrap_or_else(|panic| resume_unwind(panic)), read)
    });
    let profiles = each(sources, "devices", &mut faults, profiles::read);
    let services = each(sources, "services", &mut faults, Service::read);
    // Where the catalogue is left out, nobody asks whether it has what they name.
    let known = Some(&catalogue).filter(|catalogue| !catalogue.is_empty());
    let deviations = each(sources, "deviations", &mut faults, |document| {
        deviations::read(document, known)
    });
    let preambles = preambles(sources)
        .map_err(|wrong| faults.extend(wrong.0))
        .ok();
    let mut specs: Vec<Spec> = Vec::new();
    for (spec, wrong) in read {
        faults.extend(wrong);
        let Some(spec) = spec else { continue };
        if let Some(twin) = specs.iter().find(|have| have.id == spec.id) {
            let message = format!("`{}` is also the id of {}", spec.id, twin.file);
            faults.push(spec.document.root().error("spec::duplicate-id", message));
        }
        specs.push(spec);
    }
    let Some(preambles) = preambles else {
        return Err(Diagnostics(faults));
    };
    let (canaries, specs) = specs.into_iter().partition(|spec| spec.folder == CANARY);
    let suite = Suite {
        specs,
        canaries,
        catalogue,
        preambles,
        profiles: by_name(profiles, |profile| &profile.device),
        services: by_name(services, |service| &service.name),
        deviations: deviations.into_iter().flatten().collect(),
    };
    if !faults.is_empty() {
        faults.extend(suite.check());
    }
    Diagnostics(faults).or(suite)
}

/// What `read` makes of each file of a folder.
fn each<T>(
    sources: &Sources,
    folder: &str,
    faults: &mut Vec<Diagnostic>,
    read: impl Fn(&Document) -> Result<T, Diagnostics>,
) -> Vec<T> {
    let mut all = Vec::new();
    for source in sources.folder(folder) {
        let (document, wrong) = Document::salvage(source);
        faults.extend(wrong);
        let Some(document) = document.filter(|document| !document.is_cut()) else {
            continue;
        };
        match read(&document) {
            Ok(one) => all.push(one),
            Err(wrong) => faults.extend(wrong.0),
        }
    }
    all
}

fn by_name<T>(all: Vec<T>, name: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    all.into_iter()
        .map(|one| (name(&one).clone(), one))
        .collect()
}

fn preambles(sources: &Sources) -> Result<Preambles, Diagnostics> {
    let Some(source) = sources.file("preambles.yaml") else {
        let source = Source::new("specs/preambles.yaml", "");
        let message = "there is no file `preambles.yaml`: no state could be reached";
        let fault = Diagnostic::error("spec::no-preamble", &source, Span::default(), message);
        return Err(Diagnostics(vec![fault]));
    };
    Preambles::new(Document::read(source)?)
}

/// The catalogue; only if something is wrong with it is it read once more with places.
fn catalogue(sources: &Sources) -> (Catalogue, Vec<Diagnostic>) {
    match read_catalogue(sources, Document::read_unplaced) {
        (catalogue, wrong) if wrong.is_empty() => (catalogue, wrong),
        _ => read_catalogue(sources, Document::read),
    }
}

/// Lists of TC8 cases come after those of the RFCs: their levels are those of what they cover.
fn read_catalogue(
    sources: &Sources,
    read: impl Fn(&Arc<Source>) -> Result<Document, Diagnostics>,
) -> (Catalogue, Vec<Diagnostic>) {
    let mut catalogue = Catalogue::default();
    let mut faults = Vec::new();
    let is_open = |source: &Source| source.name.ends_with("/open.yaml");
    let mut files: Vec<_> = sources.folder("requirements").collect();
    files.sort_by_key(|source| (is_open(source), source.name.contains("tc8")));
    for source in files {
        let wrong = read(source).map(|document| {
            if is_open(source) {
                catalogue.add_open(&document)
            } else {
                catalogue.add(&document)
            }
        });
        faults.extend(wrong.unwrap_or_else(|wrong| wrong).0);
    }
    (catalogue, faults)
}

/// A spec, and what is wrong with it.
fn read_spec(
    folder: &str,
    name: &str,
    source: &Arc<Source>,
    read: SpecReader,
) -> (Option<Spec>, Vec<Diagnostic>) {
    let mut faults = Vec::new();
    if !source.name.ends_with(".yaml") {
        let message = "the name of a spec ends in `.yaml`";
        let fault = Diagnostic::error("spec::extension", source, Span::default(), message);
        faults.push(fault);
    }
    let (document, wrong) = read(source);
    faults.extend(wrong);
    let Some(document) = document.map(Arc::new) else {
        return (None, faults);
    };
    let (spec, wrong) = Spec::read(folder, name, &document);
    faults.extend(wrong);
    // What is wrong with the table of cases would be told again for each of its uses.
    let no_table = document.root().get("cases").is_none();
    let spec = spec.filter(|spec| no_table || !spec.parameters.is_empty());
    (spec, faults)
}

/// Reads every case of a spec, for any profile, and keeps only the errors.
fn check(spec: &Spec, setting: &Setting<'_>) -> Vec<Diagnostic> {
    let one_family = spec.families.get(..1).unwrap_or_default();
    let cases = expand::all(spec, one_family, setting);
    let faults = cases.filter_map(Result::err).flatten();
    // The steps of a file that could not be read to its end may stand behind that place.
    let may_follow = |fault: &Diagnostic| fault.code == "spec::no-steps";
    let is_cut = spec.document.is_cut();
    faults.filter(|it| !(is_cut && may_follow(it))).collect()
}

/// The cases of a spec, and what is wrong with those that cannot be made.
fn expand_all(
    spec: &Spec,
    families: &[Family],
    setting: &Setting<'_>,
) -> (Vec<Case>, Vec<Diagnostic>) {
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for case in expand::all(spec, families, setting) {
        match case {
            Ok(case) => cases.push(case),
            Err(wrong) => faults.extend(wrong),
        }
    }
    (cases, faults)
}

/// The cases of all specs, or all that is wrong with them.
fn unrolled<S>(
    specs: &[&Spec],
    start: impl Fn() -> S + Sync,
    unroll: impl Fn(&S, &Spec) -> (Vec<Case>, Vec<Diagnostic>) + Sync,
) -> Result<Vec<Case>, Diagnostics> {
    let unrolled = parallel::map(specs, start, |own, spec| unroll(own, spec));
    let (cases, faults): (Vec<_>, Vec<_>) = unrolled.into_iter().unzip();
    let cases = cases.into_iter().flatten().collect();
    Diagnostics(faults.into_iter().flatten().collect()).or(cases)
}

/// True if the steps of a spec are not the same for all devices.
fn depends_on_profile(spec: &Spec) -> bool {
    let text = &spec.document.source().text;
    text.contains("profile.") || text.contains("unless")
}

impl Suite {
    /// The specs in the order of their sections.
    pub fn specs(&self) -> &[Spec] {
        &self.specs
    }

    /// The requirements.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// A device profile by the name of its device.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// All device profiles in the order of their names.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.values()
    }

    /// A service by its name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// All services in the order of their names.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// The known deviations.
    pub fn deviations(&self) -> &[Deviation] {
        &self.deviations
    }

    /// All cases for a device, in the order of sections.
    pub fn cases(&self, profile: &Profile, families: &[Family]) -> Result<Vec<Case>, Diagnostics> {
        let all: Vec<&Spec> = self.specs.iter().collect();
        self.cases_of(&all, profile, families)
    }

    /// All cases for a device, without steps and without the time that these take: for a list.
    pub fn outline(
        &self,
        profile: &Profile,
        families: &[Family],
    ) -> Result<Vec<Case>, Diagnostics> {
        let all: Vec<&Spec> = self.specs.iter().collect();
        let start = || self.setting(Some(profile)).without_steps();
        unrolled(&all, start, |setting, spec| {
            expand_all(spec, families, setting)
        })
    }

    /// The hidden cases whose failure is certain if a run can see failures.
    pub fn canaries(&self, profile: &Profile) -> Result<Vec<Case>, Diagnostics> {
        let all: Vec<&Spec> = self.canaries.iter().collect();
        self.cases_of(&all, profile, &[Family::V4])
    }

    /// Cases that show whether a service is what it is said to be, in its own words.
    pub fn trials(
        &self,
        service: &Service,
        profile: &Profile,
        family: Family,
    ) -> Result<Vec<Case>, Diagnostics> {
        let mut cases = Vec::new();
        for trial in service.trials() {
            let file = format!("{}/{}.yaml", service.name, trial.name);
            let source = Source::new(&file, trial.text);
            let (spec, wrong) = read_spec("service", trial.name, &source, Document::salvage);
            let spec = Diagnostics(wrong).or(spec)?;
            let all: Vec<&Spec> = spec.iter().collect();
            for case in self.cases_of(&all, profile, &[family])? {
                // What it cannot do is not tried, and no case needs it.
                cases.extend(service.translate(&case));
            }
        }
        Ok(cases)
    }

    /// The cases of some specs.
    pub fn cases_of(
        &self,
        specs: &[&Spec],
        profile: &Profile,
        families: &[Family],
    ) -> Result<Vec<Case>, Diagnostics> {
        let start = || (self.setting(Some(profile)), self.setting(None));
        unrolled(specs, start, |(setting, any), spec| {
            let (cases, mut faults) = expand_all(spec, families, setting);
            // What only other devices do is to be right as well.
            if depends_on_profile(spec) {
                faults.extend(check(spec, any));
            }
            (cases, faults)
        })
    }

    fn setting<'a>(&'a self, profile: Option<&'a Profile>) -> Setting<'a> {
        let catalogue = Some(&self.catalogue).filter(|catalogue| !catalogue.is_empty());
        Setting::new(catalogue, &self.preambles, profile)
    }

    /// What is wrong with the steps of all specs, for any profile.
    fn check(&self) -> Vec<Diagnostic> {
        let specs: Vec<&Spec> = self.specs.iter().chain(&self.canaries).collect();
        let faults = parallel::map(&specs, || self.setting(None), |any, spec| check(spec, any));
        faults.into_iter().flatten().collect()
    }

    /// A case as prose and ladder; `None` if it is not one of this suite.
    pub fn explain(&self, case: &Case) -> Option<String> {
        let spec = self.specs.iter().find(|spec| spec.file == case.file)?;
        Some(explain::explain(case, spec, &self.catalogue))
    }

    /// The known deviations whose date has passed; `today` is `YYYY-MM-DD`.
    pub fn expired(&self, today: &str) -> Vec<Diagnostic> {
        let expired = self.deviations.iter().filter(|it| it.has_expired(today));
        expired.map(Deviation::expired).collect()
    }

    /// What is wrong with the steps of all files, and what is legal and yet bad.
    pub fn lint(&self) -> Vec<Diagnostic> {
        let found = parallel::map(
            &self.specs,
            || self.setting(None),
            |any, spec| {
                let found = lint::spec(spec, &self.catalogue, any);
                (found, lint::named_by(spec, &self.deviations))
            },
        );
        let (found, named): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        let named = named.into_iter().flatten().collect();
        let devices: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
        found.extend(lint::deviations(&self.deviations, &named, &devices));
        found
    }
}
