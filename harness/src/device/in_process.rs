//! Devices that live in this process, by the names that `--device` takes: the bundled stack, and
//! stacks of others, each compiled in by a cargo feature of its name.

use super::Simulated;
use super::bundled::{self, Bundled};
use crate::spec::case::{Case, Family};
use crate::spec::profile::Profile;

/// A device on the virtual clock, and how one is made for each case.
#[derive(Clone, Copy, Debug)]
pub struct InProcess {
    /// As `--device` takes it; also the name of its profile, `specs/devices/NAME.yaml`.
    pub name: &'static str,
    /// What exactly answers, for reports and for lists of deviations: name and version.
    pub identity: &'static str,
    /// Why a case cannot be played on it, as reports say it; `None` if it can.
    pub unfit: fn(&Case) -> Option<String>,
    /// A device for one case. The error says what in the profile it cannot follow.
    pub make: Make,
}

/// Makes a device for one case.
pub type Make = fn(&Profile, Family) -> Result<Box<dyn Simulated>, String>;

/// The bundled stack.
pub const BUNDLED: InProcess = InProcess {
    name: "bundled",
    identity: concat!("tcpspec-stack ", env!("CARGO_PKG_VERSION")),
    unfit: |_| None,
    make: |profile, family| {
        let config = bundled::config(profile).map_err(|error| error.to_string())?;
        Ok(Box::new(Bundled::new(config, family)))
    },
};

/// Stacks of others that can be compiled in: the names of their features.
pub const FOREIGN: [&str; 2] = ["netstack3", "smoltcp"];

/// What is compiled in.
pub fn compiled_in() -> Vec<InProcess> {
    vec![
        BUNDLED,
        #[cfg(feature = "netstack3")]
        super::foreign::netstack3::DEVICE,
        #[cfg(feature = "smoltcp")]
        super::foreign::smoltcp::DEVICE,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_what_the_lock_file_says() {
        let lock = include_str!("../../../Cargo.lock");
        let versions = |name: &str| {
            let name = format!("name = \"{name}\"");
            let mut lines = lock.lines();
            lines.find(|line| *line == name)?;
            let version = lines.next()?.strip_prefix("version = \"")?;
            version.strip_suffix('"')
        };
        for device in compiled_in() {
            let (name, version) = device.identity.rsplit_once(['-', ' ']).unwrap();
            assert_eq!(versions(name), Some(version), "{}", device.name);
        }
    }
}
