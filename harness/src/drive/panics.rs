//! Panics of a device as the words of a verdict: what was said, and where.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// This thread plays a case: its panics are caught.
    static PLAYING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic of this thread was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does something that may panic; the error is the panic's text and place. Nothing is printed.
pub(super) fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(listen);
    let outer = PLAYING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(act));
    PLAYING.set(outer);
    done.map_err(|panic| {
        let place = PLACE.take().map(|place| format!(" ({place})"));
        format!("{}{}", text(&*panic), place.unwrap_or_default())
    })
}

/// Makes panics of threads that play silent, and remembers where they were.
fn listen() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if PLAYING.get() {
            let place = info.location().map(|at| {
                // The last folders tell crate and file; what is before them is this machine's.
                let parts: Vec<&str> = at.file().rsplit('/').take(4).collect();
                let parts: Vec<&str> = parts.into_iter().rev().collect();
                format!("{}:{}", parts.join("/"), at.line())
            });
            PLACE.set(place);
        } else {
            others(info);
        }
    }));
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_has_words_and_a_place() {
        let index = std::hint::black_box(3);
        let words = caught(|| [0; 3][index]).unwrap_err();
        assert!(words.starts_with("index out of bounds: the len is 3 but the index is 3 ("));
        assert!(words.contains("src/drive/panics.rs:"), "{words}");
        assert_eq!(caught(|| 7), Ok(7));
    }
}
