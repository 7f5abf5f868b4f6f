use monitored::monitored;

#[monitored]
mod outer {
    pub mod inner {
        #[monitored(tag(a = 1))]
        pub fn work() {}
    }

    pub trait Stage {
        #[monitored(nmae = "stage")]
        fn stage() {}
    }

    #[cfg_attr(all(), monitored(skip))]
    pub fn conditional() {}
}

fn main() {
    outer::inner::work(); outer::conditional();
}
