//! The pen that writes a ladder as text, in columns.
//!
//! ```text
//!      harness                                              device
//!      ···  6 segments of preamble CLOSING                  CLOSING
//! 1    -->  <SEQ=103><CTL=RST>                         -->  CLOSING
//! ```

use super::{FieldRow, Ladder, Mood, Row, What};
use crate::figure::Direction;
use crate::palette::Palette;
use crate::text::{COLUMNS, wrap};
use anstyle::Style;

/// What a caller can choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Add the numbers as they were on the wire.
    pub verbose: bool,
    /// The colours.
    pub palette: Palette,
    /// Columns that the caller puts before every line.
    pub indent: usize,
}

/// Columns: the step's number, the arrow, the segment, the arrow's head, the state, the remark.
const STEP: usize = 5;
const ARROW: usize = 5;
const STATE: usize = 14;
const SEGMENT: usize = 43;
const NARROWEST_SEGMENT: usize = 31;

/// The ladder as lines, none of which ends in spaces.
pub fn write(ladder: &Ladder, options: &Options) -> Vec<String> {
    let columns = Columns::of(ladder, options);
    let mut lines = vec![columns.header()];
    for row in &ladder.rows {
        lines.extend(columns.row(row, options));
    }
    if !ladder.fields.is_empty() {
        lines.push(String::new());
        lines.extend(table(&ladder.fields, options));
    }
    lines
}

/// The widths that fit this ladder.
struct Columns {
    step: usize,
    name: usize,
    segment: usize,
    remark: usize,
}

impl Columns {
    fn of(ladder: &Ladder, options: &Options) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = Option<&String>>| {
            texts
                .flatten()
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0)
        };
        let rows = || ladder.rows.iter();
        let step = (widest(&mut rows().map(|row| row.step.as_ref())) + 2).max(STEP);
        let name = match widest(&mut rows().map(|row| row.connection.as_ref())) {
            0 => 0,
            width => width + 2,
        };
        // The remarks on what the application does have the state's column too.
        let is_narrow = |row: &&Row| !matches!(row.what, What::Device(_));
        let remark = widest(&mut rows().filter(is_narrow).map(|row| row.remark.as_ref()));
        let taken = options.indent + step + name + ARROW + ARROW + STATE;
        let room = COLUMNS.saturating_sub(taken);
        let segment = room
            .saturating_sub(remark)
            .clamp(NARROWEST_SEGMENT, SEGMENT);
        Self {
            step,
            name,
            segment,
            remark: room.saturating_sub(segment).max(10),
        }
    }

    /// The columns before the arrow.
    fn margin(&self) -> usize {
        self.step + self.name
    }

    fn header(&self) -> String {
        let middle = ARROW + self.segment + ARROW;
        format!(
            "{:margin$}{:middle$}device",
            "",
            "harness",
            margin = self.margin()
        )
    }

    fn row(&self, row: &Row, options: &Options) -> Vec<String> {
        let (tail, middle, head, state) = match &row.what {
            What::Arrow(Direction::ToDevice, figure) => ("-->", figure.as_str(), "-->", None),
            What::Arrow(Direction::FromDevice, figure) => ("<--", figure.as_str(), "<--", None),
            What::Between(text) if text.is_empty() => ("", "", "", None),
            What::Between(text) => ("···", text.as_str(), "", None),
            What::Device(text) => ("", "", "", Some(text.as_str())),
        };
        let mut middle = wrap(middle, self.segment - 2);
        if let Some(real) = row.real.as_deref().filter(|_| options.verbose) {
            middle.extend(wrap(real, self.segment - 2));
        }
        let (state, remark) = self.right(row, state);
        let style = match row.mood {
            Mood::Fine => Style::new(),
            Mood::Wanted => options.palette.strong,
            Mood::Wrong => options.palette.bad,
            Mood::Aside => options.palette.dim,
        };
        let height = middle.len().max(state.len()).max(remark.len());
        let at = |lines: &[String], index: usize| lines.get(index).cloned().unwrap_or_default();
        (0..height)
            .map(|index| {
                let first = |text: &str| {
                    if index == 0 {
                        text.to_owned()
                    } else {
                        String::new()
                    }
                };
                let line = format!(
                    "{:step$}{:name$}{:ARROW$}{:segment$}{:>3}  {:STATE$}{}",
                    first(row.step.as_deref().unwrap_or_default()),
                    first(row.connection.as_deref().unwrap_or_default()),
                    first(tail),
                    at(&middle, index),
                    first(head),
                    at(&state, index),
                    at(&remark, index),
                    step = self.step,
                    name = self.name,
                    segment = self.segment,
                );
                styled(style, line.trim_end())
            })
            .collect()
    }

    /// The state column and the remark column of a row, in lines.
    fn right(&self, row: &Row, device: Option<&str>) -> (Vec<String>, Vec<String>) {
        let remark = row.remark.as_deref().unwrap_or_default();
        let Some(text) = device else {
            let state = row.state.as_deref().unwrap_or_default();
            return (wrap(state, STATE - 1), wrap(remark, self.remark));
        };
        // What the application does has both columns, and its remark follows it.
        let text = if remark.is_empty() {
            text.into()
        } else {
            format!("{text} {remark}")
        };
        (wrap(&text, STATE + self.remark), Vec::new())
    }
}

/// `text` in `style`, with its leading spaces left plain.
pub(crate) fn styled(style: Style, text: &str) -> String {
    if style.is_plain() || text.is_empty() {
        return text.to_owned();
    }
    let bare = text.trim_start();
    let space = &text[..text.len() - bare.len()];
    format!("{space}{style}{bare}{style:#}")
}

/// The comparison: field, expected, got, and a mark where they differ.
fn table(fields: &[FieldRow], options: &Options) -> Vec<String> {
    const MARK: usize = 3;
    let names = fields.iter().map(|field| field.name.clone());
    let names: Vec<String> = std::iter::once("field".to_owned()).chain(names).collect();
    let expected = column(fields.iter().map(|field| &field.expected), "expected");
    let got = column(fields.iter().map(|field| &field.got), "got");
    let width = |lines: &[String]| lines.iter().map(|l| l.chars().count()).max().unwrap_or(0) + 2;
    let name = width(&names).clamp(9, 20);
    let (left, right) = (width(&expected).clamp(20, 40), width(&got).clamp(21, 26));
    let taken = options.indent + STEP + name + left + right + MARK;
    let room = COLUMNS.saturating_sub(taken).max(10);
    let lines = |index: usize, mark: &str, remark: &str| {
        let names = wrap(&names[index], name - 2);
        let (expected, got) = (
            wrap(&expected[index], left - 2),
            wrap(&got[index], right - 2),
        );
        let remarks = wrap(remark, room);
        let height = [&names, &expected, &got, &remarks]
            .map(Vec::len)
            .into_iter()
            .max();
        let at = |cell: &[String], line: usize| cell.get(line).cloned().unwrap_or_default();
        let line = |line: usize| {
            let mark = if line == 0 { mark } else { "" };
            let (field, remark) = (at(&names, line), at(&remarks, line));
            let (expected, got) = (at(&expected, line), at(&got, line));
            let line = format!("{field:name$}{expected:left$}{got:right$}{mark:MARK$}{remark}");
            format!("{:STEP$}{}", "", line.trim_end())
        };
        (0..height.unwrap_or(0)).map(line).collect::<Vec<_>>()
    };
    let mut table = lines(0, "", "");
    for (index, field) in fields.iter().enumerate() {
        let (mark, style) = if field.holds {
            ("", Style::new())
        } else {
            ("✗", options.palette.bad)
        };
        let row = lines(index + 1, mark, field.remark.as_deref().unwrap_or_default());
        table.extend(row.iter().map(|line| styled(style, line)));
    }
    table
}

/// A column with its title: words and values of all rows, the signs of equality below each other.
fn column<'a>(
    cells: impl Iterator<Item = &'a (Option<String>, Option<String>)> + Clone,
    title: &str,
) -> Vec<String> {
    let both = |cell: &&(Option<String>, Option<String>)| cell.0.is_some() && cell.1.is_some();
    let words = cells
        .clone()
        .filter(both)
        .filter_map(|cell| cell.0.as_ref());
    let width = words.map(|words| words.chars().count()).max().unwrap_or(0);
    let cell = |cell: &(Option<String>, Option<String>)| match cell {
        (Some(words), Some(value)) if words == value => words.clone(),
        (Some(words), Some(value)) => format!("{words:width$} = {value}"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => "–".into(),
    };
    std::iter::once(title.to_owned())
        .chain(cells.map(cell))
        .collect()
}
