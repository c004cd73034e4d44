//! The names by which records are called: cases, sections, verdicts, captures.
//!
//! The same words stand on every screen and in every report, and they are made here only.

use crate::record::{CaseRecord, Family, Known, Level, Mismatch, StepRef, Verdict};
use crate::text::clean;
use std::path::{Path, PathBuf};

impl Known {
    /// What the device contradicts, why, and until when that is accepted.
    pub fn told(&self) -> String {
        let asked = self.requirements.join(", ");
        let asked = if asked.is_empty() {
            asked
        } else {
            asked + ": "
        };
        format!(
            "{}{} (until {})",
            clean(&asked),
            clean(&self.reason),
            clean(&self.expires)
        )
    }
}

impl Verdict {
    /// The word for it: FAIL is the only one in capitals.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Deviates => "deviates",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
        }
    }
}

impl Level {
    /// The key word of RFC 2119.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl Family {
    /// `v4` or `v6`, as in case ids.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }
}

impl CaseRecord {
    /// The id without its section: `rst-validation[state=CLOSING,rst=inside,v4]`.
    pub fn short_name(&self) -> &str {
        self.id.split_once('/').map_or(&self.id, |(_, name)| name)
    }

    /// The id without parameters and family: `3.10.7.4/rst-validation`.
    pub fn spec_name(&self) -> &str {
        self.id.split_once('[').map_or(&self.id, |(name, _)| name)
    }

    /// What tells this case from others of its spec: `[state=CLOSING,rst=inside,v4]`.
    pub fn constraints(&self) -> &str {
        self.id.find('[').map_or("", |at| &self.id[at..])
    }

    /// The chapter under which screens count the case: see [`chapter`].
    pub fn chapter(&self) -> &str {
        chapter(&self.section)
    }

    /// The difference that decided the verdict.
    pub fn decisive(&self) -> Option<&Mismatch> {
        self.mismatches.first()
    }

    /// The stable name of what went wrong: the decisive symptom, or else the reason.
    pub fn symptom(&self) -> &str {
        let symptom = self.decisive().map(|mismatch| mismatch.symptom.as_str());
        symptom.or(self.reason.as_deref()).unwrap_or_default()
    }

    /// One line for people on what went wrong; empty for a pass.
    pub fn headline(&self) -> String {
        let found = self.decisive().map(|mismatch| mismatch.headline.as_str());
        let reason = self.reason.as_deref();
        if self.verdict == Verdict::Inconclusive {
            // The reason says what the difference cannot: which state was not reached.
            let told = reason.or(found).unwrap_or_default();
            return format!(
                "inconclusive: {}",
                told.trim_start_matches("inconclusive: ")
            );
        }
        found.or(reason).unwrap_or_default().to_owned()
    }

    /// The entry of the deviation list that foretold how the case went wrong.
    pub fn foretold(&self) -> Option<&Known> {
        let wrong = matches!(self.verdict, Verdict::Fail | Verdict::Deviates);
        self.known.as_ref().filter(|_| wrong)
    }

    /// True if the case went wrong and no entry of the deviation list foretold it.
    /// Under `strict` a SHOULD that is not followed is wrong too.
    pub fn fails(&self, strict: bool) -> bool {
        let wrong = match self.verdict {
            Verdict::Fail => true,
            Verdict::Deviates => strict,
            Verdict::Pass | Verdict::Inconclusive | Verdict::Skipped => false,
        };
        wrong && self.known.is_none()
    }

    /// Where to look: file and line of the step that decided, `specs/…/rst.yaml:25`. A step of a
    /// preamble stands in another file, so the spec is cited without a line.
    pub fn place(&self) -> String {
        match self.line() {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// The line in [`CaseRecord::file`] of the step that decided.
    pub fn line(&self) -> Option<u32> {
        let step = self.decisive()?.step.as_ref()?;
        step.preamble.is_none().then_some(step.line)
    }
}

impl StepRef {
    /// The number without the names of branches: `2/rfc5961.1` is shown as `2.1`.
    pub fn shown(&self) -> String {
        let mut parts = self.number.split('/');
        let mut shown = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            shown.push('.');
            shown.push_str(part.rsplit_once('.').map_or(part, |(_, number)| number));
        }
        shown
    }
}

/// The chapter that a section belongs to: `3.10` for section 3.10.7.4 of RFC 9293, `rfc5961` for
/// any section of another RFC.
pub fn chapter(section: &str) -> &str {
    let dots = if section.starts_with("rfc") { 1 } else { 2 };
    let end = section.match_indices('.').nth(dots - 1).map(|(at, _)| at);
    end.map_or(section, |at| &section[..at])
}

/// The sections of RFC 9293, and other RFCs, by the words that a screen has room for.
const CHAPTERS: [(&str, &str); 35] = [
    ("3.1", "Header format"),
    ("3.2", "Options"),
    ("3.3", "Connection state"),
    ("3.4", "Sequence numbers"),
    ("3.5", "Establishing a connection"),
    ("3.6", "Closing a connection"),
    ("3.7", "Segmentation"),
    ("3.8", "Data communication"),
    ("3.9", "Interfaces"),
    ("3.10", "Event processing"),
    ("rfc1122", "Host requirements"),
    ("rfc1191", "Path MTU discovery"),
    ("rfc1337", "TIME-WAIT assassination"),
    ("rfc2018", "Selective acknowledgment"),
    ("rfc2883", "Duplicate SACK"),
    ("rfc3042", "Limited transmit"),
    ("rfc3168", "Explicit congestion notice"),
    ("rfc3708", "False recoveries by D-SACK"),
    ("rfc4987", "SYN floods"),
    ("rfc5681", "Congestion control"),
    ("rfc5682", "F-RTO"),
    ("rfc5927", "ICMP attacks"),
    ("rfc5961", "Blind in-window attacks"),
    ("rfc6191", "TIME-WAIT reuse"),
    ("rfc6298", "Retransmission timer"),
    ("rfc6528", "Initial sequence numbers"),
    ("rfc6582", "NewReno"),
    ("rfc6675", "Loss recovery with SACK"),
    ("rfc6928", "Initial window"),
    ("rfc6937", "Proportional rate reduction"),
    ("rfc7323", "Window scale, timestamps"),
    ("rfc8200", "IP fragments"),
    ("rfc8201", "Path MTU discovery (IPv6)"),
    ("rfc8985", "RACK-TLP"),
    ("rfc9438", "CUBIC"),
];

/// The title of a chapter (see [`CaseRecord::chapter`]); where the table has none, the words of
/// `folder`: `3.6-closing` becomes `Closing`.
pub fn chapter_title(chapter: &str, folder: &str) -> String {
    if let Some((_, title)) = CHAPTERS.iter().find(|(key, _)| *key == chapter) {
        return (*title).to_owned();
    }
    let words = folder.split_once('-').map_or("", |(_, words)| words);
    let words = words.replace('-', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// `3.10` as it is, `rfc5961` as `RFC 5961`.
pub fn chapter_label(chapter: &str) -> String {
    match chapter.strip_prefix("rfc") {
        Some(number) => format!("RFC {number}"),
        None => chapter.to_owned(),
    }
}

/// A seed as `--seed` takes it, `0x5f3a91c2`: the same text on screens and in every report.
pub fn seed(seed: u64) -> String {
    format!("{seed:#010x}")
}

/// Reads a seed; `0x` may be left out.
pub fn parse_seed(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = digits.unwrap_or(text);
    let is_hex = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    is_hex.then(|| u64::from_str_radix(digits, 16).ok())?
}

/// Where the capture of a case belongs below `out`:
/// `out/3.10.7.4/rst-validation[state=CLOSING,rst=inside].pcapng`.
///
/// The name is the case's own. Only what file systems (or the stores of CI systems) refuse is
/// replaced, and only then does a check sum of the id keep two cases apart.
pub fn capture_path(out: &Path, record: &CaseRecord) -> PathBuf {
    let (folder, name) = record.id.split_once('/').unwrap_or(("", &record.id));
    let folder = file_name(folder, FILE_NAME_OCTETS);
    let ending = ".pcapng";
    let room = FILE_NAME_OCTETS - ATTEMPT.len() - ending.len();
    let mut file = file_name(name, room);
    if file != name {
        let tag = format!("~{:016x}", fnv1a(record.id.as_bytes()));
        file = file_name(name, room - tag.len()) + &tag;
    }
    out.join(folder).join(file + ending)
}

/// Where the capture of an earlier attempt belongs, `number` counted from 1: beside the capture of
/// the last one, as `….attempt-1.pcapng`.
pub fn attempt_path(capture: &Path, number: usize) -> PathBuf {
    capture.with_extension(format!("attempt-{number}.pcapng"))
}

/// What [`attempt_path`] needs at most.
const ATTEMPT: &str = ".attempt-9999";

/// The longest name that the usual file systems take, octets.
const FILE_NAME_OCTETS: usize = 255;

/// `name` without what cannot be part of a file's name, cut to `room` octets.
fn file_name(name: &str, room: usize) -> String {
    let is_refused = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    let mut file: String = name
        .chars()
        .map(|c| if is_refused(c) { '_' } else { c })
        .collect();
    while file.len() > room {
        file.pop();
    }
    if file.chars().all(|c| c == '.') {
        "_".repeat(file.len())
    } else {
        file
    }
}

/// FNV-1a, 64 bits: short, and the same on every machine.
fn fnv1a(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
