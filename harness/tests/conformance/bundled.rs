//! The bundled stack, on the virtual clock.

use crate::shared::{Loaded, SEED, exact, judge, sources};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::sync::OnceLock;
use tcpspec::device::bundled::{self, Bundled};
use tcpspec::drive::virtual_time;
use tcpspec::{seed, spec};

/// A test for each case; a broken file is one failing test, never fewer tests.
pub(crate) fn trials(arguments: &Arguments) -> Vec<Trial> {
    if let Some(name) = exact(arguments) {
        let id = name.strip_prefix("bundled/");
        return id
            .map(|id| trial(id.to_owned(), true))
            .into_iter()
            .collect();
    }
    let files = spec::case_names(&sources()).into_iter();
    let of_file = |(file, names): (_, Result<Vec<String>, spec::Diagnostics>)| match names {
        Ok(ids) => ids.into_iter().map(|id| trial(id, false)).collect(),
        Err(wrong) => vec![Trial::test(format!("bundled/{file}"), move || {
            Err(Failed::from(wrong.to_string()))
        })],
    };
    files.flat_map(of_file).collect()
}

fn trial(id: String, alone: bool) -> Trial {
    Trial::ignorable_test(format!("bundled/{id}"), move || play(&id, alone))
}

fn play(id: &str, alone: bool) -> Result<Completion, Failed> {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    let load = || {
        if alone {
            Loaded::one("bundled", id)
        } else {
            Loaded::new("bundled")
        }
    };
    let loaded = LOADED.get_or_init(load);
    let case = loaded.case(id)?;
    if let Some(reason) = &case.skip {
        return Ok(Completion::ignored_with(reason.clone()));
    }
    let seed = seed::of_case(SEED, id);
    let config = bundled::config(&loaded.profile).map_err(|error| error.to_string())?;
    let mut device = Bundled::new(config, case.family);
    let record = virtual_time::play(case, &loaded.profile, &mut device, seed);
    judge(record, "tcpspec-stack", loaded.suite.deviations())
}
