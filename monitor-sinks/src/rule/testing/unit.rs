//! The unit-test files of promtool: series, the alerts that must fire, the answers that expressions must have.
//!
//! As promtool does, all groups are evaluated at each interval from the start on, whatever interval they name, in the order
//! of the files; what rules record and the series `ALERTS` of alerts are there for what comes after.
