//! The pen that writes a ladder as a Mermaid `sequenceDiagram`, for pages that draw those.
//!
//! The comparison of fields is left out: the page around the diagram has it.

use super::{Ladder, Mood, Row, What};
use crate::figure::Direction;
use std::fmt::Write;

/// The ladder as Mermaid source, one statement per line.
pub fn write(ladder: &Ladder) -> String {
    let mut source = String::from("sequenceDiagram\n");
    source.push_str("    participant H as harness\n    participant D as device\n");
    for row in &ladder.rows {
        let _ = writeln!(source, "    {}", statement(row));
    }
    source
}

fn statement(row: &Row) -> String {
    let text = label(row);
    match (&row.what, row.mood) {
        // What did not come has a cross for its head.
        (What::Arrow(_, _), Mood::Wanted) => format!("D--xH: {text}"),
        (What::Arrow(Direction::ToDevice, _), _) => format!("H->>D: {text}"),
        (What::Arrow(Direction::FromDevice, _), _) => format!("D->>H: {text}"),
        (What::Between(_), _) => format!("Note over H,D: {text}"),
        (What::Device(_), _) => format!("Note right of D: {text}"),
    }
}

/// Step, segment and remark as one line of text.
fn label(row: &Row) -> String {
    let what = match &row.what {
        What::Arrow(_, text) | What::Between(text) | What::Device(text) => text.as_str(),
    };
    let step = row.step.as_deref().map(|step| format!("{step}."));
    let state = row.state.as_deref().map(|state| format!("[{state}]"));
    let remark = row.remark.as_deref().map(|remark| format!("({remark})"));
    let parts = [
        step.as_deref(),
        row.connection.as_deref(),
        Some(what).filter(|what| !what.is_empty()),
        state.as_deref(),
        remark.as_deref(),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let text = text.replace("><", " ");
    // Mermaid ends a statement at `;`, opens an entity with `#`, and reads `<` as a tag.
    text.replace(['<', '>', ';', '#'], "")
}
