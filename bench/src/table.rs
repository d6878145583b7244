//! Prints a table with aligned columns, as Markdown so that it can be pasted into `bench/README.md`.

/// Rows of text; the first is the head.
pub(crate) struct Table(Vec<Vec<String>>);

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|cell| (*cell).to_owned()).collect()])
    }

    pub(crate) fn row(&mut self, cells: &[String]) {
        self.0.push(cells.to_vec());
    }

    pub(crate) fn print(&self, title: &str) {
        let columns = self.0[0].len();
        let width = |c: usize| self.0.iter().map(|row| row.get(c).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0);
        println!("\n### {title}\n");
        for (n, row) in self.0.iter().enumerate() {
            let cells: Vec<String> = (0..columns).map(|c| format!("{:<w$}", row.get(c).map_or("", String::as_str), w = width(c))).collect();
            println!("| {} |", cells.join(" | "));
            if n == 0 {
                println!("|{}|", (0..columns).map(|c| "-".repeat(width(c) + 2)).collect::<Vec<_>>().join("|"));
            }
        }
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
