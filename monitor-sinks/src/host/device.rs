//! The devices of a file, by name: processors, disks, interfaces.
//!
//! The kernel keeps their order, so a name is first looked for after the one found before it. One that is no longer in
//! the file is handed back, so that its series can be retired; when it returns, it is a new one here, and finds its
//! series again in the record.

/// More devices than this are not told apart; they come from a mistake or from software that makes them up.
const MOST: usize = 1024;

/// Devices with a value each, or none for those that are left out.
#[derive(Debug)]
pub(super) struct Devices<T> {
    list: Vec<Device<T>>,
    /// Where the next device is expected.
    next: usize,
}

#[derive(Debug)]
struct Device<T> {
    name: Box<[u8]>,
    is_here: bool,
    value: Option<T>,
}

impl<T> Devices<T> {
    pub(super) const fn new() -> Self {
        Self { list: Vec::new(), next: 0 }
    }

    /// Begins a reading.
    pub(super) fn begin(&mut self) {
        self.next = 0;
        self.list.iter_mut().for_each(|device| device.is_here = false);
    }

    /// The value of the device `name`, which `make` makes at first sight; `None` if it is left out.
    pub(super) fn find(&mut self, name: &[u8], make: impl FnOnce(&str) -> Option<T>) -> Option<&mut T> {
        let expected = self.list.get(self.next).is_some_and(|device| *device.name == *name);
        let place = if expected { Some(self.next) } else { self.list.iter().position(|device| *device.name == *name) };
        let place = match place {
            Some(place) => place,
            None if self.list.len() >= MOST => return None,
            None => {
                let value = make(&String::from_utf8_lossy(name));
                self.list.push(Device { name: name.into(), is_here: true, value });
                self.list.len() - 1
            }
        };
        self.next = place + 1;
        let device = &mut self.list[place];
        device.is_here = true;
        device.value.as_mut()
    }

    /// Ends a reading: hands back every device that was not in it.
    pub(super) fn end(&mut self, mut gone: impl FnMut(T)) {
        if self.list.iter().all(|device| device.is_here) {
            return;
        }
        for device in self.list.extract_if(.., |device| !device.is_here) {
            device.value.into_iter().for_each(&mut gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(devices: &mut Devices<String>, names: &[&str]) -> Vec<String> {
        let mut gone = Vec::new();
        devices.begin();
        for name in names {
            devices.find(name.as_bytes(), |name| (name != "lo").then(|| name.to_owned()));
        }
        devices.end(|name| gone.push(name));
        gone
    }

    #[test]
    fn devices_are_found_in_any_order_and_handed_back_when_gone() {
        let mut devices = Devices::new();
        assert!(read(&mut devices, &["sda", "lo", "sdb"]).is_empty());
        assert!(read(&mut devices, &["sdb", "sda", "lo"]).is_empty());
        assert_eq!(read(&mut devices, &["sdb"]), ["sda"]);
        assert_eq!(devices.list.iter().filter(|device| device.value.is_some()).count(), 1);
        assert!(read(&mut devices, &["sda", "sdb"]).is_empty());
    }

    #[test]
    fn there_is_a_limit() {
        let mut devices = Devices::new();
        let names: Vec<String> = (0..MOST + 5).map(|number| format!("sd{number}")).collect();
        read(&mut devices, &names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(devices.list.iter().filter(|device| device.value.is_some()).count(), MOST);
    }
}
