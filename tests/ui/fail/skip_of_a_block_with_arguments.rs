use monitored::monitored;

#[monitored]
mod outer {
    pub struct Store;

    #[monitored(skip, private)]
    impl Store {
        pub fn load() {}
    }
}

fn main() {
    outer::Store::load();
}
