use monitored::ErrorKind;

#[derive(ErrorKind)]
enum Failure {
    #[error_kind("a")]
    #[error_kind("b")]
    A,
}

fn main() {
    let _ = Failure::A;
}
