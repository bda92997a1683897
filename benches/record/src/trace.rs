//! Events as a trace: `../traces/README.md` has the format.

use crate::recorder::Event;
use std::collections::HashMap;

/// What the header says of a trace.
#[derive(Default)]
pub struct Header {
    pub records: u64,
    pub ids: u64,
    pub most_blocks: u64,
    pub most_bytes: u64,
    pub left_blocks: u64,
    pub left_bytes: u64,
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    header: Header,
    /// The id and the size of each live object, by its address.
    live: HashMap<usize, (u64, u64)>,
    last: u64,
    live_bytes: u64,
}

/// The trace, header first.
pub fn written(events: &[Event]) -> (Vec<u8>, Header) {
    let mut writer = Writer::default();
    for event in events {
        writer.event(*event);
    }
    let Writer { bytes, mut header, live, live_bytes, .. } = writer;
    (header.left_blocks, header.left_bytes) = (live.len() as u64, live_bytes);
    let mut all = b"DATRACE1".to_vec();
    let Header { records, ids, most_blocks, most_bytes, left_blocks, left_bytes } = header;
    for number in [records, ids, most_blocks, most_bytes, left_blocks, left_bytes, 0] {
        all.extend(number.to_le_bytes());
    }
    all.extend(bytes);
    (all, header)
}

impl Writer {
    fn event(&mut self, event: Event) {
        // What was there before the recording began is not of it: freed, it is nothing, resized, it is new.
        let old = self.live.remove(&event.old);
        match (old, event.new) {
            (None, 0) => return,
            (None, _) => self.new_object(event),
            (Some((id, size)), 0) => {
                let reference = self.reference(id);
                self.varint(reference << 2 | 1);
                self.live_bytes -= size;
            }
            (Some((id, size)), new) => {
                let reference = self.reference(id);
                self.varint(reference << 2 | 2);
                self.varint(event.size as u64);
                self.live_bytes = self.live_bytes - size + event.size as u64;
                self.live.insert(new, (id, event.size as u64));
            }
        }
        self.header.records += 1;
        self.header.most_blocks = self.header.most_blocks.max(self.live.len() as u64);
        self.header.most_bytes = self.header.most_bytes.max(self.live_bytes);
    }

    fn new_object(&mut self, event: Event) {
        let size = event.size as u64;
        if event.zeroed || event.align > 16 {
            self.varint(size << 2 | 3);
            self.varint(u64::from(event.align.max(16).ilog2()) << 1 | u64::from(event.zeroed));
        } else {
            self.varint(size << 2);
        }
        self.live.insert(event.new, (self.header.ids, size));
        self.header.ids += 1;
        self.live_bytes += size;
    }

    /// An id, relative to the one before.
    fn reference(&mut self, id: u64) -> u64 {
        let step = id as i64 - self.last as i64;
        self.last = id;
        (step << 1 ^ step >> 63) as u64
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 128 {
            self.bytes.push(value as u8 | 128);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}
