use monitored::ErrorKind;

#[derive(ErrorKind)]
#[error_kind("failure")]
enum Failure {
    #[error_kind(crate = ::monitored)]
    A,
}

fn main() {
    let _ = Failure::A;
}
