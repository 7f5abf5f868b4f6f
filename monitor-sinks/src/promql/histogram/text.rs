//! A histogram as text, as `count_values` and the interface for people show it.

use std::fmt::{Display, Formatter, Result};

use super::Histogram;
use crate::promql::value::general;

impl Display for Histogram {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{{count:{}, sum:{}", general(self.count), general(self.sum))?;
        for &(index, count) in self.negative.iter().rev() {
            let bucket = self.bucket(index, count);
            write!(f, ", [{},{}):{}", general(-bucket.upper), general(-bucket.lower), general(count))?;
        }
        if self.zero_count != 0.0 {
            let zero = self.zero_threshold;
            write!(f, ", [{},{}]:{}", general(-zero), general(zero), general(self.zero_count))?;
        }
        for &(index, count) in &self.positive {
            let bucket = self.bucket(index, count);
            write!(f, ", ({},{}]:{}", general(bucket.lower), general(bucket.upper), general(count))?;
        }
        f.write_str("}")
    }
}
