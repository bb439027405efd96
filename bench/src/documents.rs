//! The documents every system gets: `comanda sample`, or stand-ins of the same size and shape
//! while there is no such binary.
//!
//! Never: two orders with the same id, or a system that gets other documents than the others.

use std::fs;
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::body::Bytes;

use crate::process::Process;

/// Where documents come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// `comanda sample` of this binary.
    Comanda(PathBuf),
    /// Made here.
    StandIn,
}

/// How long making documents may take.
const SAMPLE_MAX: Duration = Duration::from_secs(300);
/// Products of the stand-ins.
const PRODUCTS: u64 = 10_000;

impl Source {
    /// Comanda's own samples if the binary is there and can make them.
    pub fn find(binary: &Path) -> Self {
        let mut command = Command::new(binary);
        command.args(["sample", "--kind", "retail", "--count", "1", "--seed", "1"]);
        match Process::output(command.stderr(Stdio::null()), SAMPLE_MAX) {
            Ok(printed) if printed.starts_with(b"{") => Self::Comanda(binary.to_owned()),
            Ok(_) | Err(_) => Self::StandIn,
        }
    }

    /// Writes `count` documents of `kind` to `file`, one a line.
    ///
    /// # Errors
    /// The file cannot be written, or the binary fails.
    pub fn write(&self, kind: Kind, count: usize, seed: u64, file: &Path) -> io::Result<()> {
        match self {
            Self::StandIn => stand_in(kind, count, seed, file),
            Self::Comanda(binary) => {
                let mut command = Command::new(binary);
                command.args(["sample", "--kind", kind.as_str(), "--seed", &seed.to_string()]);
                if kind == Kind::Retail {
                    command.args(["--count", &count.to_string()]);
                }
                let out = fs::File::create(file)?;
                let done = Process::start(command.stdout(out))?.wait(SAMPLE_MAX)?;
                let failed =
                    || io::Error::other(format!("comanda sample --kind {} failed", kind.as_str()));
                done.then_some(()).ok_or_else(failed)
            }
        }
    }
}

/// What a sample holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Purchases of about 1.2 KB.
    Retail,
    /// Products with prices.
    Catalogue,
    /// Stock of every product.
    Stock,
    /// Pricing rules.
    Rules,
}

impl Kind {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retail => "retail",
            Self::Catalogue => "catalogue",
            Self::Stock => "stock",
            Self::Rules => "rules",
        }
    }
}

/// Documents in memory, one a line of a file.
#[derive(Clone, Debug)]
pub struct Lines {
    bytes: Bytes,
    ranges: Vec<Range<usize>>,
}

impl Lines {
    /// Reads a file into memory and finds its lines.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(file: &Path) -> io::Result<Self> {
        let bytes = Bytes::from(fs::read(file)?);
        let mut ranges = Vec::new();
        let mut start = 0;
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let end = start + line.len();
            if !line.trim_ascii().is_empty() {
                ranges.push(start..start + line.trim_ascii_end().len());
            }
            start = end;
        }
        Ok(Self { bytes, ranges })
    }

    /// One of them, without a copy.
    pub fn get(&self, index: usize) -> Bytes {
        self.bytes.slice(self.ranges[index].clone())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| &self.bytes[range.clone()])
    }
}

fn stand_in(kind: Kind, count: usize, seed: u64, file: &Path) -> io::Result<()> {
    let mut out = io::BufWriter::new(fs::File::create(file)?);
    match kind {
        Kind::Retail => {
            (0..count as u64).try_for_each(|n| writeln!(out, "{}", purchase(seed, n, PRODUCTS)))?;
        }
        Kind::Catalogue => (0..PRODUCTS).try_for_each(|n| {
            writeln!(
                out,
                "{{\"merchant_id\":\"{MERCHANT}\",\"sku\":\"PRD-{n:05}\",\"price\":{}.90}}",
                n + 9
            )
        })?,
        Kind::Stock => (0..PRODUCTS).try_for_each(|n| {
            let (sku, on_hand) = (format!("PRD-{n:05}"), 1_000_000);
            writeln!(
                out,
                "{{\"merchant_id\":\"{MERCHANT}\",\"sku\":\"{sku}\",\"on_hand\":{on_hand}}}"
            )
        })?,
        Kind::Rules => writeln!(out, "[]")?,
    }
    out.flush()
}

/// Seed of the orders for one product: other ids than those of the retail orders.
const HOT_SEED: u64 = 2;
const MERCHANT: &str = "12345678000195";

/// Writes `count` orders that all want the same product, and stock enough for them.
///
/// # Errors
/// A file cannot be written.
pub fn one_product(count: usize, stock: &Path, orders: &Path) -> io::Result<()> {
    let row = format!("{{\"merchant_id\":\"{MERCHANT}\",\"sku\":\"PRD-00000\",\"on_hand\":");
    fs::write(stock, format!("{row}1000000000}}\n"))?;
    let mut out = io::BufWriter::new(fs::File::create(orders)?);
    (0..count as u64).try_for_each(|n| writeln!(out, "{}", purchase(HOT_SEED, n, 1)))?;
    out.flush()
}

/// A purchase of 1 to 5 lines, 3 on average, of so many different products. Same seed and number:
/// same bytes.
fn purchase(seed: u64, number: u64, products: u64) -> String {
    let mut state = mix(seed ^ mix(number + 1));
    let mut next = |below: u64| {
        state = mix(state);
        state % below
    };
    let items: Vec<String> = (0..1 + next(5))
        .map(|_| {
            let (product, quantity, price) = (next(products), 1 + next(3), 10 + next(2_000));
            format!(
                "{{\"product_id\":\"PRD-{product:05}\",\"description\":\"Fone Bluetooth sem fio\",\
                 \"quantity\":{quantity},\"unit_price\":{price}.90}}"
            )
        })
        .collect();
    let address = "{\"street\":\"Avenida das Américas\",\"number\":\"5000\",\
        \"complement\":\"Bloco 2, Apt 301\",\"neighborhood\":\"Barra da Tijuca\",\
        \"city\":\"Rio de Janeiro\",\"state\":\"RJ\",\"zip_code\":\"22640-102\"}";
    format!(
        "{{\"order_id\":\"ORD-{seed}-{:08x}-{number}\",\
         \"company\":{{\"name\":\"Tech Solutions Ltda\",\"cnpj\":\"12.345.678/0001-95\"}},\
         \"customer\":{{\"first_name\":\"Mariana\",\"last_name\":\"Alves\",\
         \"cpf\":\"123.456.789-09\",\"email\":\"mariana.alves@example.com\",\
         \"phone\":\"+55 21 91234-5678\",\"address\":{address}}},\
         \"order_date\":\"2025-10-01T10:30:00Z\",\"items\":[{}],\
         \"payment\":{{\"method\":\"Cartão de Crédito\",\"transaction_id\":\"TXN-{number}\"}},\
         \"shipping\":{{\"method\":\"Express\",\"cost\":50.00,\"address\":{address},\
         \"expected_delivery_date\":\"2025-10-03\"}},\
         \"order_status\":\"Pendente\",\"notes\":\"Entregar no período da tarde.\"}}",
        next(1 << 32),
        items.join(",")
    )
}

/// A step of splitmix64.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_a_document_of_the_usual_size() {
        let sizes: Vec<usize> = (0..200).map(|n| purchase(7, n, PRODUCTS).len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((1_000..1_400).contains(&mean), "{mean} bytes");
        let read = crate::work::Work::open(std::path::Path::new("none"))
            .unwrap()
            .read(&Bytes::from(purchase(7, 1, PRODUCTS)))
            .unwrap();
        assert!(!read.lines.is_empty());
    }
}
