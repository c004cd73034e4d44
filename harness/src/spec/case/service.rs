//! Steps by which a tester makes a service act in place of a call to the application.

/// What a request draws from the service, for a segment that holds one. The device may acknowledge
/// the segment apart from the reply, or with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draws {
    /// Octets of which nothing is said, or none.
    Unsaid,
    /// These octets.
    Text(Vec<u8>),
    /// The octets of the request.
    Same,
}

/// How long a service is heard, each of its segments being acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until its FIN comes, which the next step is to judge.
    Fin,
    /// Until what it said ends with these octets.
    Text(Vec<u8>),
}
