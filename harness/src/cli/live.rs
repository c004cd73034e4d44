//! The screen while a run goes on: chapters as they finish, and a bar on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;
use tcpspec_reports::counts::Chapter;
use tcpspec_reports::names;
use tcpspec_reports::record::{CaseRecord, Verdict};
use tcpspec_reports::terminal::Screen;
use tcpspec_reports::text::count;

/// Prints what is finished, in the order of the plan.
pub(super) struct Live<'s> {
    screen: &'s Screen,
    quiet: bool,
    bar: ProgressBar,
    /// The chapter of each case of the plan.
    chapters: Vec<String>,
    /// Chapters not yet printed, in order: key, and how many of its cases are open.
    open: Vec<(String, usize)>,
    failed: usize,
}

impl<'s> Live<'s> {
    /// For a plan whose cases belong to these `chapters`.
    pub(super) fn new(screen: &'s Screen, quiet: bool, bar: bool, chapters: Vec<String>) -> Self {
        let mut open: Vec<(String, usize)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for chapter in &chapters {
            let place = *places.entry(chapter).or_insert_with(|| {
                open.push((chapter.clone(), 0));
                open.len() - 1
            });
            open[place].1 += 1;
        }
        let target = if bar {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(chapters.len() as u64), target);
        if let Ok(style) = ProgressStyle::with_template("  {bar:40} {pos}/{len}  {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self {
            screen,
            quiet,
            bar,
            chapters,
            open,
            failed: 0,
        }
    }

    /// Case `index` of the plan is finished; `records` holds what is finished so far.
    pub(super) fn finished(&mut self, index: usize, records: &[Option<CaseRecord>]) {
        self.bar.inc(1);
        let is_wrong =
            |record: &CaseRecord| record.fails(false) || record.verdict == Verdict::Inconclusive;
        if records[index].as_ref().is_some_and(is_wrong) {
            self.failed += 1;
            self.bar.set_message(format!("{} not passed", self.failed));
        }
        let chapter = &self.chapters[index];
        if let Some((_, left)) = self.open.iter_mut().find(|(key, _)| key == chapter) {
            *left -= 1;
        }
        while self.open.first().is_some_and(|(_, left)| *left == 0) {
            let (key, _) = self.open.remove(0);
            self.print(&key, records);
        }
    }

    /// Says on the bar how many cases are played again.
    pub(super) fn again(&self) -> impl Fn(usize) + use<> {
        let bar = self.bar.clone();
        move |cases| bar.set_message(format!("playing {} again", count(cases, "case")))
    }

    /// Prints the chapters that an interrupted run has begun, and takes the bar away.
    pub(super) fn end(mut self, records: &[Option<CaseRecord>]) {
        for (key, _) in std::mem::take(&mut self.open) {
            self.print(&key, records);
        }
        self.bar.finish_and_clear();
    }

    fn print(&self, key: &str, records: &[Option<CaseRecord>]) {
        let cases: Vec<&CaseRecord> = records
            .iter()
            .flatten()
            .filter(|record| record.chapter() == key)
            .collect();
        let Some(first) = cases.first().filter(|_| !self.quiet) else {
            return;
        };
        let title = names::chapter_title(key, &first.folder);
        let line = self.screen.chapter(&Chapter {
            key,
            title,
            cases: cases.clone(),
        });
        self.bar.suspend(|| super::say(&line));
    }
}
