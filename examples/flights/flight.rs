//! One flight: parsing and validation of a row. The gaps in the data are errors, each of its own kind.

use std::fmt;
use std::str::FromStr;

use csv::StringRecord;
use monitored::{ErrorKind, monitored};

/// A flight that took place.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) date: Date,
    pub(crate) departure: Leg,
    pub(crate) arrival: Leg,
    pub(crate) carrier: [u8; 2],
    pub(crate) number: u16,
    pub(crate) tail: String,
    pub(crate) route: Route,
    pub(crate) air_minutes: u32,
    pub(crate) miles: u32,
    /// The hour of the scheduled departure, in UTC.
    pub(crate) hour_utc: Hour,
}

/// A day of the local calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date {
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

/// An hour of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hour {
    pub(crate) date: Date,
    pub(crate) hour: u32,
}

/// Departure or arrival: when it was, when it should have been, and the difference as reported, in minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leg {
    pub(crate) actual: ClockTime,
    pub(crate) scheduled: ClockTime,
    pub(crate) delay: i32,
}

/// From where to where, as airport codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) origin: [u8; 3],
    pub(crate) destination: [u8; 3],
}

/// Minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockTime(pub(crate) i32);

/// Why a row is not a flight.
#[derive(Debug)]
pub(crate) enum FlightError {
    /// A flight without departure was cancelled.
    MissingDeparture,
    /// A flight that left and did not arrive was diverted.
    MissingArrival,
    MissingAirTime,
    MissingTail,
    /// A field is not what it should be.
    Malformed {
        column: usize,
    },
    /// The times and distances do not fit together.
    Implausible,
}

impl ErrorKind for FlightError {
    fn kind(&self) -> &'static str {
        match self {
            Self::MissingDeparture => "missing_departure",
            Self::MissingArrival => "missing_arrival",
            Self::MissingAirTime => "missing_air_time",
            Self::MissingTail => "missing_tail",
            Self::Malformed { .. } => "malformed",
            Self::Implausible => "implausible",
        }
    }
}

impl fmt::Display for FlightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { column } => write!(f, "column {column} is malformed"),
            other => f.write_str(other.kind()),
        }
    }
}

impl std::error::Error for FlightError {}

/// Reads all nineteen columns of a row. What is missing or malformed is an error.
#[monitored]
pub(crate) fn parse(row: &StringRecord) -> Result<Flight, FlightError> {
    use FlightError::{MissingAirTime, MissingArrival, MissingDeparture, MissingTail};
    let present = |column| FlightError::Malformed { column };
    let date = Date {
        year: number(row, 0, present(0))?,
        month: number(row, 1, present(1))?,
        day: number(row, 2, present(2))?,
    };
    let departure = Leg {
        actual: time(row, 3, MissingDeparture)?,
        scheduled: time(row, 4, present(4))?,
        delay: number(row, 5, MissingDeparture)?,
    };
    let arrival = Leg {
        actual: time(row, 6, MissingArrival)?,
        scheduled: time(row, 7, present(7))?,
        delay: number(row, 8, MissingArrival)?,
    };
    let tail = row.get(11).filter(|tail| *tail != "NA").ok_or(MissingTail)?.to_owned();
    let (hour, minute): (i32, i32) = (number(row, 16, present(16))?, number(row, 17, present(17))?);
    if departure.scheduled != ClockTime(hour * 60 + minute) {
        return Err(present(16));
    }
    Ok(Flight {
        date,
        departure,
        arrival,
        carrier: code(row, 9)?,
        number: number(row, 10, present(10))?,
        tail,
        route: Route { origin: code(row, 12)?, destination: code(row, 13)? },
        air_minutes: number(row, 14, MissingAirTime)?,
        miles: number(row, 15, present(15))?,
        hour_utc: row.get(18).and_then(hour_of).ok_or(present(18))?,
    })
}

/// Checks that the parts of a flight fit together.
#[monitored(tags(stage = "check"))]
pub(crate) fn validate(flight: Flight) -> Result<Flight, FlightError> {
    let miles_an_hour = f64::from(flight.miles) * 60.0 / f64::from(flight.air_minutes.max(1));
    let zone = i64::from(flight.hour_utc.hour) - i64::from(flight.departure.scheduled.0 / 60);
    let plausible = flight.departure.adds_up()
        && flight.arrival.adds_up()
        && miles_an_hour < 800.0
        && (1..=12).contains(&flight.date.month)
        && (1..=31).contains(&flight.date.day)
        // New York is four or five hours behind.
        && matches!(zone.rem_euclid(24), 4 | 5)
        && flight.hour_utc.date >= flight.date
        && flight.number > 0
        && !flight.tail.is_empty();
    if plausible { Ok(flight) } else { Err(FlightError::Implausible) }
}

impl Leg {
    /// Whether the reported delay is the difference of the times, but for whole days.
    fn adds_up(self) -> bool {
        (self.actual.0 - self.scheduled.0 - self.delay).rem_euclid(1440) == 0
    }
}

fn number<T: FromStr>(row: &StringRecord, column: usize, missing: FlightError) -> Result<T, FlightError> {
    match row.get(column) {
        None | Some("NA") => Err(missing),
        Some(text) => text.parse().map_err(|_| FlightError::Malformed { column }),
    }
}

/// A time written as `517` for 5:17.
fn time(row: &StringRecord, column: usize, missing: FlightError) -> Result<ClockTime, FlightError> {
    let digits: i32 = number(row, column, missing)?;
    let (hour, minute) = (digits / 100, digits % 100);
    if !(0..=24).contains(&hour) || !(0..60).contains(&minute) {
        return Err(FlightError::Malformed { column });
    }
    Ok(ClockTime(hour * 60 + minute))
}

fn code<const N: usize>(row: &StringRecord, column: usize) -> Result<[u8; N], FlightError> {
    row.get(column).and_then(|text| text.as_bytes().try_into().ok()).ok_or(FlightError::Malformed { column })
}

/// An hour written as `2013-01-01T10:00:00Z`.
fn hour_of(text: &str) -> Option<Hour> {
    let (date, time) = text.strip_suffix(":00:00Z")?.split_once('T')?;
    let mut parts = date.splitn(3, '-');
    let mut part = || parts.next();
    let date = Date { year: part()?.parse().ok()?, month: part()?.parse().ok()?, day: part()?.parse().ok()? };
    Some(Hour { date, hour: time.parse().ok()? })
}
