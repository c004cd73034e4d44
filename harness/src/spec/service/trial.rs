//! Whether a service is what it is said to be: cases that are played before all others.

use super::Service;

/// A try, and what it shows.
pub(in crate::spec) struct Trial {
    /// A name for its file.
    pub(in crate::spec) name: &'static str,
    /// A spec.
    pub(in crate::spec) text: String,
}

impl Service {
    /// Specs that the service has to pass: each of its ways to act, once.
    pub(in crate::spec) fn trials(&self) -> Vec<Trial> {
        let mut trials = Vec::new();
        let mut add = |name, title: &str, start: &str, steps: &str| {
            let covers = "covers: [RFC9293-3.10.2-2]";
            trials.push(Trial {
                name,
                text: format!("spec: 1\ntitle: {title}\n{covers}\nstart: {start}\nsteps:\n{steps}"),
            });
        };
        let service = &self.name;
        if self.takes_text || self.ignores.is_some() {
            let title = format!("it reads what comes and says nothing as {service}");
            let inject = "  - inject: {flags: ACK, data: 600}\n";
            let expect = "  - expect: {flags: ACK}\n  - silence: 200ms\n";
            add("text", &title, "ESTABLISHED", &(inject.to_owned() + expect));
        }
        if let Some(count) = self.tried_reply() {
            let title = format!("it sends {count} octets when it is asked to as {service}");
            let call = format!("  - call: {{send: {count}}}\n");
            let expect = format!("  - expect: {{flags: ACK, data: {count}, within: 5s}}\n");
            add("reply", &title, "ESTABLISHED", &(call + &expect));
        }
        if self.can_close() {
            let title = format!("it closes when it is asked to as {service}");
            let steps = "  - call: {shutdown: write}\n  - expect: {flags: FIN-ACK, within: 5s}\n";
            add("close", &title, "ESTABLISHED", steps);
        }
        if self.closes_at_end() {
            let title = "it closes when its peer has closed";
            let steps = "  - inject: {flags: ACK}\n  - silence: 50ms\n";
            add("end", title, "LAST-ACK", steps);
        }
        trials
    }
}
