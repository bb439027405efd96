//! Requests built before the clock starts: head and body lie side by side, one write sends both.

/// Complete HTTP/1.1 requests in one piece of memory.
pub struct Requests {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Requests {
    /// One `POST path` per document.
    pub fn posts<'a>(path: &str, documents: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut requests = Self { bytes: Vec::new(), ends: Vec::new() };
        for document in documents {
            let length = document.len();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\n\r\n"
            );
            requests.bytes.extend_from_slice(head.as_bytes());
            requests.bytes.extend_from_slice(document);
            requests.ends.push(requests.bytes.len());
        }
        requests
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The request at `index`, head and body.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}
