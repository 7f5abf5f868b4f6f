#[automatically_derived]
#[allow(deprecated)]
impl<T: Clone> ::monitored::ErrorKind for Failure<T>
where
    T: Debug,
{
    fn kind(&self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::HttpStatus { .. } => "http_status",
            Self::Fields { .. } => "named",
        }
    }
}
