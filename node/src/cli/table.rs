//! Tables for people, and the few words around them.

use serde_json::Value;

/// Rows under a heading, in columns.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(heading: [&str; N]) -> Self {
        Self {
            rows: vec![heading.map(str::to_owned)],
        }
    }

    /// Adds a row. Of the texts only the last may have letters that are wider than others.
    pub(super) fn row(&mut self, texts: [String; N]) {
        self.rows.push(texts.map(|text| tame(&text)));
    }

    /// The lines, those of numbers ending and all others starting in one column. Without rows there is nothing.
    pub(super) fn text(&self) -> String {
        if self.rows.len() == 1 {
            return String::new();
        }
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = (*width).max(text.chars().count());
            }
        }
        let mut lines = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(widths).enumerate();
            let line: Vec<_> = cells
                .map(|(column, (text, width))| match self.is_number(column) {
                    true => format!("{text:>width$}"),
                    false => format!("{text:width$}"),
                })
                .collect();
            lines.push_str(line.join("  ").trim_end());
            lines.push('\n');
        }
        lines
    }

    /// True for a column of numbers; some may be unknown, but not all.
    fn is_number(&self, column: usize) -> bool {
        let texts = self.rows.iter().skip(1).map(|row| row[column].as_str());
        let mut known = texts.filter(|text| *text != "-").peekable();
        known.peek().is_some() && known.all(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// Text that others chose, without what would move the cursor or turn the line around.
pub(super) fn tame(text: &str) -> String {
    let is_wild = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut tamed = String::with_capacity(text.len());
    for c in text.chars() {
        match is_wild(c) {
            true => tamed.extend(c.escape_unicode()),
            false => tamed.push(c),
        }
    }
    tamed
}

/// A value of an answer as text; what is not there is a dash.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `number` of things, such as `1 room` and `2 rooms`.
pub(super) fn count(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_numbers_to_the_right() {
        let mut table = Table::new(["SOCKETS", "NODE", "ROOM"]);
        table.row(["5".into(), "a".into(), "lobby".into()]);
        table.row(["12".into(), "bcdef".into(), "大厅".into()]);

        assert_eq!(
            table.text(),
            "SOCKETS  NODE   ROOM\n      5  a      lobby\n     12  bcdef  大厅\n"
        );
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        assert_eq!(Table::new(["ROOM"]).text(), "");
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(
            tame("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\\u{1b}[2Jb\\u{a}c\\u{202e}d"
        );
    }
}
