//! Answers as JSON lines: for programs that read one row a line.
//!
//! Written by hand around the values, because columns keep their order and may be there twice.

use std::io::{self, Write};

use super::{SqlRows, SqlValue};

impl SqlRows {
    /// Writes each row as a JSON object on a line of its own, with the columns in order.
    ///
    /// Bytes become text of hexadecimal digits, and what JSON has no number for the texts `+Inf` and `-Inf`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let store = monitor_sinks::Store::open_read_only("metrics.db")?;
    /// store.sql("SELECT name, value FROM latest").rows()?.write_json_lines(&mut std::io::stdout())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_json_lines(&self, out: &mut impl Write) -> io::Result<()> {
        let names: Vec<String> = self.columns.iter().map(|name| text(name)).collect();
        for row in &self.rows {
            let members = names.iter().zip(row).map(|(name, value)| format!("{name}:{}", json(value)));
            writeln!(out, "{{{}}}", members.collect::<Vec<_>>().join(","))?;
        }
        Ok(())
    }
}

fn json(value: &SqlValue) -> String {
    match value {
        SqlValue::Null => String::from("null"),
        SqlValue::Integer(value) => value.to_string(),
        SqlValue::Real(value) if *value == f64::INFINITY => text("+Inf"),
        SqlValue::Real(value) if *value == f64::NEG_INFINITY => text("-Inf"),
        SqlValue::Real(value) => serde_json::Value::from(*value).to_string(),
        SqlValue::Text(value) => text(value),
        SqlValue::Blob(bytes) => text(&super::value::hexadecimal(bytes)),
    }
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_json_form_and_columns_keep_their_order() {
        let row = vec![
            SqlValue::Null,
            SqlValue::Integer(i64::MIN),
            SqlValue::Real(0.1),
            SqlValue::Real(f64::INFINITY),
            SqlValue::Text(String::from("\"\n\u{1b}ü")),
            SqlValue::Blob(vec![0, 255]),
        ];
        let columns = ["z", "a", "a", "b", "c \"q\"", ""].map(String::from).to_vec();
        let rows = SqlRows { columns, rows: vec![row.clone(), row], cut: false, scanned: 0, warnings: Vec::new() };
        let mut out = Vec::new();
        rows.write_json_lines(&mut out).unwrap();
        let wanted = r#"{"z":null,"a":-9223372036854775808,"a":0.1,"b":"+Inf","c \"q\"":"\"\n\u001bü","":"00ff"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), format!("{wanted}\n{wanted}\n"));
    }
}
