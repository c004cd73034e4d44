//! `--dry-run` for a host: what would be sent, case by case, without a word to anybody.

use super::Remote;
use crate::cli::{Exit, Failure, print};
use crate::run::Runner;
use crate::seed;
use crate::spec::case::Case;
use crate::spec::profile::Profile;
use crate::spec::{Sent, sent};
use crate::time::Instant;
use std::fmt::Write;
use tcpspec_reports::names;

impl Remote {
    /// Prints the segments of every case, with the ports that a run with this seed would use; those
    /// that an agent opens are examples, for a run begins at one that is chosen at random.
    pub(in crate::cli) fn rehearse(
        &self,
        cases: &[Case],
        profile: &Profile,
        run: u64,
    ) -> Result<Exit, Failure> {
        let mut text = format!(
            "nothing is sent; a run against {} with --seed {} would send\n",
            self.name(),
            names::seed(run)
        );
        let mut turn = 0;
        for case in cases {
            if let Some(reason) = &case.skip {
                let _ = writeln!(text, "{}  (skipped: {reason})", case.id);
                continue;
            }
            let _ = writeln!(text, "{}", case.id);
            let link = self.host.link(case, self.end_of(run, turn), turn);
            turn += 1;
            let runner = Runner::new(case, profile, link, seed::of_case(run, &case.id));
            let ends = runner.finish(Instant::START).connections;
            for Sent {
                conn,
                segment,
                when,
            } in sent(case)
            {
                if let Some(ends) = ends.get(conn) {
                    let when = when.map_or(String::new(), |when| format!("  (if {when})"));
                    let (tester, device) = (ends.tester, ends.device);
                    let _ = writeln!(text, "    {tester} > {device}  {segment}{when}");
                }
            }
            for ends in &ends {
                let (tester, device) = (ends.tester, ends.device);
                let _ = writeln!(
                    text,
                    "    {tester} > {device}  <CTL=RST>  (what stays open)"
                );
            }
        }
        print(&text)
    }
}
