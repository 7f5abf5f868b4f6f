use monitored::ErrorKind;

#[derive(ErrorKind)]
enum Failure {
    #[error_kind("")]
    A,
    #[error_kind]
    B,
    #[error_kind = "c"]
    C,
    #[error_kind(d)]
    D,
    #[error_kind("two\nlines")]
    E,
    #[error_kind()]
    F,
}

fn main() {
    let _ = (Failure::A, Failure::B, Failure::C, Failure::D, Failure::E, Failure::F);
}
