//! The style of this repository, as tests: see `tests/`. The crate itself is empty.
