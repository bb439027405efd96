//! What the figures were measured on.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// The machine, the moment, and the rule every system under test obeys.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// When, in UTC.
    pub date: String,
    /// CPU model.
    pub cpu: String,
    /// Cores this program may use.
    pub cores: usize,
    /// Memory in GiB.
    pub memory_gib: u64,
    /// Kernel release.
    pub kernel: String,
    /// File system of the data folders.
    pub file_system: String,
    /// Load average when the run began: more than about 0.5 means others were at work.
    pub load_average: String,
    /// When an order may be answered.
    pub durability: &'static str,
}

impl Machine {
    /// Looks at this machine; `data` is where the systems under test keep their data.
    pub fn look(data: &Path) -> Self {
        Self {
            date: date(),
            cpu: line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_gib(),
            kernel: word("/proc/sys/kernel/osrelease"),
            file_system: file_system(data).unwrap_or_else(|| "unknown".into()),
            load_average: load_average(),
            durability: "an order is answered only after its commit is synced to disk",
        }
    }

    /// The same in a few lines.
    pub fn text(&self) -> String {
        let Self { date, cpu, cores, memory_gib, kernel, file_system, load_average, durability } =
            self;
        format!(
            "{date}\n{cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}\n\
             data on {file_system}; load average before: {load_average}\n\
             rule for all: {durability}\n"
        )
    }
}

/// The first number of the load average, of the last minute.
pub fn load_average() -> String {
    word("/proc/loadavg").split(' ').next().unwrap_or_default().into()
}

fn word(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().into()
}

fn line(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().into())
}

fn memory_gib() -> u64 {
    let kib = line("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0).div_ceil(1_024 * 1_024)
}

/// Type and device of the mount that holds `path`: the longest mount point that is a prefix.
fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|mount| mount.len() > 2 && path.starts_with(mount[1]))
        .max_by_key(|mount| mount[1].len())?;
    let warning =
        if mount[2] == "tmpfs" { " (memory, not a disk: syncing costs nothing)" } else { "" };
    Some(format!("{} ({}){warning}", mount[2], mount[0]))
}

fn date() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// Year, month and day of the proleptic Gregorian calendar, for days since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let every = |year: u64, years: u64| year.is_multiple_of(years);
    let leap = |year| (every(year, 4) && !every(year, 100)) || every(year, 400);
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }
}
