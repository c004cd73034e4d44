//! The specs are embedded: a new file among them makes a new binary.

fn main() {
    println!("cargo::rerun-if-changed=../specs");
}
