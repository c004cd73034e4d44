//! The files under `specs/`: those that are built in, and those of a folder. None is read as YAML
//! here.

use super::head;
use super::source::Source;
use include_dir::{Dir, include_dir};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The specs as they were when this binary was built.
static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../specs");

/// The folder of the canaries: hidden specs whose failure is certain if a run can see failures.
pub(super) const CANARY: &str = "canary";

/// They are part of the program, wherever its specs come from.
const CANARIES: [(&str, &str); 3] = [
    (
        "canary/broken-silence.yaml",
        include_str!("canaries/broken-silence.yaml"),
    ),
    (
        "canary/impossible-call.yaml",
        include_str!("canaries/impossible-call.yaml"),
    ),
    (
        "canary/wrong-field.yaml",
        include_str!("canaries/wrong-field.yaml"),
    ),
];

/// Files in the layout of `specs/`, not yet read as YAML.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `folder/name.yaml`, or `name.yaml`, and the file.
    files: BTreeMap<String, Arc<Source>>,
}

impl Sources {
    /// The specs inside the binary.
    pub fn embedded() -> Self {
        Self::embedded_if(&|_| true)
    }

    fn embedded_if(wanted: &dyn Fn(&str) -> bool) -> Self {
        let mut sources = Self::default();
        let top = EMBEDDED.files();
        let below = EMBEDDED.dirs().flat_map(Dir::files);
        for file in top.chain(below) {
            let path = file.path().to_str().filter(|path| wanted(path));
            let Some(path) = path else { continue };
            if let Some(text) = file.contents_utf8().filter(|_| is_yaml(path)) {
                let source = Source::new(&format!("specs/{path}"), text);
                sources.files.insert(path.to_owned(), source);
            }
        }
        sources.with_canaries()
    }

    fn with_canaries(mut self) -> Self {
        for (path, text) in CANARIES {
            self.files.insert(path.to_owned(), Source::new(path, text));
        }
        self
    }

    /// The specs in a directory. Catalogues, preambles and profiles that it does not have are those
    /// of the program; known deviations belong to the specs.
    pub fn directory(path: &Path) -> io::Result<Self> {
        Self::directory_if(path, &|_| true)
    }

    /// What it takes to play some cases, from a directory or (`None`) from the binary: their specs
    /// and what all specs share. The catalogue is left out: whether specs cover what there is to
    /// cover is checked where all of them are read.
    pub fn of_cases<'i>(
        directory: Option<&Path>,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> io::Result<Self> {
        let specs: BTreeSet<_> = ids.into_iter().filter_map(spec_of_case).collect();
        let wanted = |path: &str| match spec_name(path) {
            Some((folder, name)) => specs.contains(&(head::section(folder), name)),
            None => !path.starts_with("requirements/"),
        };
        match directory {
            Some(path) => Self::directory_if(path, &wanted),
            None => Ok(Self::embedded_if(&wanted)),
        }
    }

    fn directory_if(path: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<Self> {
        let mut sources = Self::embedded_if(&|path| is_about_all_specs(path) && wanted(path));
        sources.add_directory(path, "", wanted)?;
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if let Some(folder) = entry.file_name().to_str().filter(|_| entry.path().is_dir()) {
                sources.add_directory(path, folder, wanted)?;
            }
        }
        Ok(sources.with_canaries())
    }

    fn add_directory(
        &mut self,
        root: &Path,
        folder: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(root.join(folder))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let key = if folder.is_empty() {
                name.to_owned()
            } else {
                format!("{folder}/{name}")
            };
            if is_yaml(name) && wanted(&key) && path.is_file() {
                self.files.insert(key, read_file(&path)?);
            }
        }
        Ok(())
    }

    /// With one more spec, which need not lie under `specs/`; one of the same id is replaced.
    pub fn with_file(mut self, path: &Path) -> io::Result<Self> {
        let source = read_file(path)?;
        let whole = std::path::absolute(path)?;
        let part = |part: Option<&std::ffi::OsStr>| {
            part.and_then(|part| part.to_str())
                .unwrap_or("specs")
                .to_owned()
        };
        let folder = part(whole.parent().and_then(Path::file_name));
        self.files
            .insert(format!("{folder}/{}", part(whole.file_name())), source);
        Ok(self)
    }

    /// With one more file, given as text.
    #[must_use]
    pub fn with_text(mut self, path: &str, text: &str) -> Self {
        let source = Source::new(&format!("specs/{path}"), text.to_owned());
        self.files.insert(path.to_owned(), source);
        self
    }

    /// Without the specs and the deviations, which are about them: the catalogue, the preambles and
    /// the profiles stay.
    #[must_use]
    pub fn without_specs(mut self) -> Self {
        self.files.retain(|path, _| is_about_all_specs(path));
        self
    }

    /// Without the files of a folder: `requirements`, `deviations`.
    #[must_use]
    pub fn without(mut self, folder: &str) -> Self {
        let is_inside = |path: &str| path.split_once('/').is_some_and(|(have, _)| have == folder);
        self.files.retain(|path, _| !is_inside(path));
        self
    }

    /// The file with that path.
    pub(super) fn file(&self, path: &str) -> Option<&Arc<Source>> {
        self.files.get(path)
    }

    /// Folder, name and file of each spec, in the order of sections.
    pub(super) fn specs(&self) -> Vec<(&str, &str, &Arc<Source>)> {
        let mut all: Vec<_> = self
            .files
            .iter()
            .filter_map(|(path, source)| {
                spec_name(path).map(|(folder, name)| (folder, name, source))
            })
            .collect();
        all.sort_by_key(|(folder, name, _)| (section_key(folder), *name));
        all
    }

    /// The files of a folder.
    pub(super) fn folder(&self, folder: &str) -> impl Iterator<Item = &Arc<Source>> {
        let prefix = format!("{folder}/");
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(&prefix))
            .map(|(_, file)| file)
    }
}

fn read_file(path: &Path) -> io::Result<Arc<Source>> {
    let octets = std::fs::read(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    // What is not text is told together with all that is wrong with the other files.
    let text = String::from_utf8_lossy(&octets).into_owned();
    Ok(Source::new(&path.display().to_string(), text))
}

fn is_yaml(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    extension == "yaml" || extension == "yml"
}

/// Folder and name if the file is a spec.
fn spec_name(path: &str) -> Option<(&str, &str)> {
    let (folder, file) = path.split_once('/')?;
    let other = ["requirements", "devices", "deviations", "services"].contains(&folder);
    let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
    (!other).then_some((folder, name))
}

/// The catalogue, the preambles, the profiles.
fn is_about_all_specs(path: &str) -> bool {
    spec_name(path).is_none() && !path.starts_with("deviations/")
}

/// Section and name of the spec that a case is made of.
pub(super) fn spec_of_case(id: &str) -> Option<(&str, &str)> {
    id.split('[').next()?.split_once('/')
}

/// Orders `3.9` before `3.10`, and RFC 9293 before all others.
fn section_key(folder: &str) -> (bool, Vec<u32>, &str) {
    let section = head::section(folder);
    let numbers = section.trim_start_matches("rfc").split('.');
    let numbers = numbers
        .map(|part| part.parse().unwrap_or(u32::MAX))
        .collect();
    (section.starts_with("rfc"), numbers, folder)
}
