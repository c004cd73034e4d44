//! The record as one JSON document, and back.
//!
//! The document is the [`Run`] itself: what `show`, `diff` and `coverage` read is what the run
//! yielded, digit by digit.

use crate::record::{FORMAT, Run};
use serde::{Deserialize, Serialize};

/// A document that is not a record which this version can read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not a run.
    #[error("not a tcpspec result file: {0}")]
    Content(#[from] serde_json::Error),
    /// Written by another version.
    #[error("the result file has format {found}, this tcpspec reads format {FORMAT}: {advice}")]
    Format {
        /// The version of the document.
        found: u32,
        /// What to do.
        advice: &'static str,
    },
}

/// The run as JSON, ending with a line end.
pub fn write(run: &Run) -> String {
    line(run)
}

/// Any value of the record on one line.
pub(crate) fn line(value: &impl Serialize) -> String {
    // Invariant: all that is written here has string keys and serializers that cannot fail.
    serde_json::to_string(value).expect("plain data") + "\n"
}

/// Reads what [`write`] wrote.
pub fn from_json(text: &str) -> Result<Run, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        format: u32,
    }
    // The version comes first: a document of another version may lack or rename anything else.
    let Head { format: found } = serde_json::from_str(text)?;
    if found != FORMAT {
        let advice = if found > FORMAT {
            "read it with the version that wrote it, or a newer one"
        } else {
            "run the cases again"
        };
        return Err(ReadError::Format { found, advice });
    }
    Ok(serde_json::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CaseRecord;
    use crate::tests::golden;
    use crate::tests::sample;
    use proptest::prelude::*;

    /// A value as an indented document, which is easier to read than a single line.
    fn pretty(run: &Run) -> String {
        serde_json::to_string_pretty(run).expect("a run is plain data") + "\n"
    }

    #[test]
    fn the_format_is_the_one_that_was_agreed() {
        let run = sample::run_of(vec![sample::fail("CLOSING"), sample::known()]);
        golden::check("run.json", pretty(&run));
    }

    #[test]
    fn results_of_a_suite_are_told() {
        let run = Run {
            cases: Vec::new(),
            ..sample::suite()
        };
        golden::check("suite.json", pretty(&run));
    }

    #[test]
    fn every_kind_of_record_survives() {
        let mut run = sample::run();
        run.cases.push(sample::hostile());
        assert_eq!(from_json(&write(&run)).expect("a run"), run);
        assert_eq!(from_json(&pretty(&run)).expect("a run"), run);
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let newer = write(&Run {
            format: 7,
            ..sample::green()
        });
        let message = from_json(&newer).expect_err("another format").to_string();
        assert!(
            message.contains("format 7") && message.contains("a newer one"),
            "{message}"
        );
    }

    #[test]
    fn what_is_no_run_is_refused() {
        for text in ["", "{}", "[1]", "{\"format\":1}", "{\"format\":\"x\"}"] {
            assert!(from_json(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_words_and_numbers_survive(
            words in ".*",
            number in any::<u64>(),
            packet in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut case = sample::fail("CLOSING");
            case.mismatches[0].headline.clone_from(&words);
            for event in &mut case.events {
                event.at_ns = number;
                if let crate::record::EventKind::Injected(segment) = &mut event.kind {
                    segment.packet.clone_from(&packet);
                }
            }
            let case = CaseRecord { title: words, seed: number, ..case };
            let run = sample::run_of(vec![case]);
            prop_assert_eq!(from_json(&write(&run)).expect("a run"), run);
        }
    }
}
