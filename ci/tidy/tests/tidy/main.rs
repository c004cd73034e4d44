//! The rules of CONTRIBUTING.md that a machine can check, one test per rule.
//!
//! Each rule is a function from the sources to the places that break it; each test shows all of
//! them at once. [`broken`] feeds every rule sources that break it.

mod broken;
mod citations;
mod layout;
mod source;
mod text;

use source::{Tree, report};

#[test]
fn functions_are_at_most_70_lines() {
    report(Tree::here().files().flat_map(text::long_functions));
}

#[test]
fn files_are_at_most_500_code_lines() {
    report(Tree::here().files().flat_map(text::long_files));
}

#[test]
fn lines_are_at_most_100_columns() {
    report(Tree::here().files().flat_map(text::long_lines));
}

#[test]
fn unwrap_and_expect_state_their_invariant() {
    report(Tree::here().files().flat_map(text::bare_unwraps));
}

#[test]
fn clocks_randomness_and_environment_stay_at_the_edges() {
    report(Tree::here().files().flat_map(text::impure));
}

#[test]
fn nothing_is_flattened_untagged_hashed_or_allowed() {
    report(Tree::here().files().flat_map(text::banned));
}

#[test]
fn unsafe_code_says_why_it_is_sound_and_stays_at_the_edges() {
    report(Tree::here().files().flat_map(text::unsafe_places));
}

#[test]
fn crates_and_modules_depend_in_one_direction() {
    report(layout::wrong_edges(&Tree::here()));
}

#[test]
fn the_top_level_holds_nothing_else() {
    report(layout::strangers_at_the_top(&Tree::here()));
}

#[test]
fn every_source_file_is_a_module() {
    report(layout::dead_files(&Tree::here()));
}

#[test]
fn no_file_is_larger_than_200_kilobytes() {
    report(layout::large_files(&Tree::here()));
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    report(layout::empty_names(&Tree::here()));
}

#[test]
fn cited_requirements_exist() {
    report(citations::unknown_requirements(&Tree::here()));
}

#[test]
fn rfc_quotations_are_verbatim() {
    match citations::rfc_texts() {
        Some(texts) => report(citations::wrong_quotations(&Tree::here(), &texts)),
        None => println!("skipped: no RFC texts here; set RFC_DIR to a folder of rfcNNNN.txt"),
    }
}

#[test]
fn every_core_requirement_is_covered_or_explained() {
    report(citations::unexplained(&Tree::here()));
}

#[test]
fn deviations_have_a_requirement_a_symptom_a_reason_and_a_date() {
    report(citations::bare_deviations(&Tree::here()));
}
