//! An image file taken apart, and put together again with sizes and a check that match: the format, read a second time.
//!
//! ```text
//!   header (4096)                                             index                         code, marks
//!   magic · endianness · format · word · page · sizes …       counts · version · types ·    linked │ leaf │ marks
//!   … window · sites · digest ………………………………… check              roots · text · the rest
//! ```
//!
//! Whatever is put into the parts, the header's check and the length of the file are right. So what a change meets is the code behind these.

/// Bytes of the header.
pub(crate) const HEADER: usize = 4096;
/// Places of numbers in the header.
const PAGE: usize = 32;
const INDEX: usize = 40;
const LINKED: usize = 48;
const LEAF: usize = 56;
/// The place of the window in the header.
pub(crate) const WINDOW: usize = 64;
/// The place of the bytes of the images that it stands on.
pub(crate) const BELOW: usize = 72;
/// The place of the number that says whether there are any.
pub(crate) const HAS_PARENT: usize = 128;
/// The end of the fields, which the check is of.
const FIELDS: usize = 168;
const CHECK: usize = HEADER - 8;

/// The parts of an image file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// The header as it is, of which `bytes` sets the sizes and the check anew.
    pub header: Vec<u8>,
    /// The author's text.
    pub version: Vec<u8>,
    /// Types that runs are of.
    pub types: Vec<TypeRow>,
    /// Values that have names.
    pub roots: Vec<RootRow>,
    /// Names of modules.
    pub modules: Vec<Vec<u8>>,
    /// Arrays of values.
    pub runs: Vec<RunRow>,
    /// The key of the names' hash.
    pub key: [u8; 16],
    /// The first name of each bucket.
    pub buckets: Vec<u32>,
    /// Names of the program.
    pub names: Vec<NameRow>,
    /// What lies in the index behind its tables.
    pub rest: Vec<u8>,
    /// Values with addresses.
    pub linked: Vec<u8>,
    /// Values without.
    pub leaf: Vec<u8>,
    /// A bit for each word of the linked half.
    pub marks: Vec<u8>,
}

/// An entry of the table of types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRow {
    /// Its fingerprint.
    pub fingerprint: [u8; 32],
    /// Bytes of a value.
    pub size: u64,
    /// The alignment of its runs, if no type says it, or 0.
    pub align: u64,
    /// Its name.
    pub name: Vec<u8>,
    /// Its description, for people.
    pub layout: Vec<u8>,
}

/// An entry of the table of roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootRow {
    /// The number of its type.
    pub of: u64,
    /// Bytes from the beginning of the code.
    pub at: u64,
    /// Its name.
    pub name: Vec<u8>,
}

/// An entry of the table of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The number of its type.
    pub of: u32,
    /// The number of its module.
    pub module: u32,
    /// Bytes from the beginning of the code.
    pub start: u64,
    /// Elements.
    pub len: u64,
}

/// An entry of the table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRow {
    /// Bytes from the beginning of the code.
    pub at: u64,
    /// Bytes of its text.
    pub len: u32,
    /// The hash of its text.
    pub hash: u32,
}

/// Bytes that are read from the front.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn bytes(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u64 {
        u64::from_ne_bytes(self.bytes(8).try_into().unwrap())
    }

    fn half(&mut self) -> u32 {
        u32::from_ne_bytes(self.bytes(4).try_into().unwrap())
    }

    fn numbers<const N: usize>(&mut self) -> [u64; N] {
        [(); N].map(|()| self.number())
    }
}

impl ImageFile {
    /// Takes a good image apart.
    ///
    /// # Panics
    ///
    /// It is none.
    pub fn of(bytes: &[u8]) -> Self {
        let (header, mut rest) = (bytes[..HEADER].to_vec(), Reader(&bytes[HEADER..]));
        let number = |at: usize| u64::from_ne_bytes(header[at..at + 8].try_into().unwrap()) as usize;
        let mut index = Reader(rest.bytes(number(INDEX)));
        let (key, _) = (index.bytes(16).try_into().unwrap(), index.number());
        let counts = index.numbers().map(|count| count as usize);
        let [version, types, roots, text, modules, runs, buckets, names] = counts;
        let version = index.bytes(version).to_vec();
        let types: Vec<([u8; 32], [u64; 6])> =
            (0..types).map(|_| (index.bytes(32).try_into().unwrap(), index.numbers())).collect();
        let roots: Vec<[u64; 4]> = (0..roots).map(|_| index.numbers()).collect();
        let text = index.bytes(text);
        let words = |start: u64, len: u64| text[start as usize..][..len as usize].to_vec();
        let types = types.into_iter().map(|(fingerprint, [size, align, name, name_len, layout, layout_len])| {
            let (name, layout) = (words(name, name_len), words(layout, layout_len));
            TypeRow { fingerprint, size, align, name, layout }
        });
        let types = types.collect();
        let roots = roots.into_iter().map(|[start, len, of, at]| RootRow { of, at, name: words(start, len) });
        let roots = roots.collect();
        let modules: Vec<[u64; 3]> = (0..modules).map(|_| index.numbers()).collect();
        let runs = (0..runs).map(|_| {
            let run = RunRow { of: index.half(), module: index.half(), start: index.number(), len: index.number() };
            index.number();
            run
        });
        let runs = runs.collect();
        let buckets = (0..buckets).map(|_| index.half()).collect();
        let names = (0..names).map(|_| NameRow { at: index.number(), len: index.half(), hash: index.half() }).collect();
        let modules = modules.into_iter().map(|[start, len, _]| words(start, len)).collect();
        rest.bytes((HEADER + number(INDEX)).next_multiple_of(number(PAGE)) - HEADER - number(INDEX));
        let (linked, leaf) = (rest.bytes(number(LINKED)).to_vec(), rest.bytes(number(LEAF)).to_vec());
        let (rest, marks) = (index.0.to_vec(), rest.0.to_vec());
        Self { version, types, roots, modules, runs, key, buckets, names, rest, linked, leaf, marks, header }
    }

    /// Puts the file together. Halves are filled up to whole pages.
    pub fn bytes(&self) -> Vec<u8> {
        // Larger pages than these make a file of another length than its header says.
        let page = self.number(PAGE).clamp(1, 1 << 16) as usize;
        let index = self.index();
        let [linked, leaf] = [&self.linked, &self.leaf].map(|half| half.len().next_multiple_of(page));
        let marks = linked / 64;
        let mut bytes = self.header.clone();
        for (at, size) in [(INDEX, index.len()), (LINKED, linked), (LEAF, leaf)] {
            put(&mut bytes, at, size as u64);
        }
        let check = checksum(&bytes[..FIELDS]);
        put(&mut bytes, CHECK, check);
        bytes.extend(index);
        let mut end = bytes.len().next_multiple_of(page);
        for (part, len) in [(&self.linked, linked), (&self.leaf, leaf), (&self.marks, marks)] {
            bytes.resize(end, 0);
            bytes.extend(&part[..part.len().min(len)]);
            end += len;
        }
        bytes.resize(end, 0);
        bytes
    }

    /// Puts the file together with other numbers at places of the header, whatever the parts are: of sizes, say. The check matches them.
    pub fn bytes_with(&self, numbers: &[(usize, u64)]) -> Vec<u8> {
        let mut bytes = self.bytes();
        numbers.iter().for_each(|&(at, number)| put(&mut bytes, at, number));
        let check = checksum(&bytes[..FIELDS]);
        put(&mut bytes, CHECK, check);
        bytes
    }

    fn index(&self) -> Vec<u8> {
        let mut index = Vec::new();
        let number = |index: &mut Vec<u8>, number: u64| index.extend(number.to_ne_bytes());
        // Sizes add up, whatever the runs are.
        let mut sizes = vec![0u64; self.modules.len()];
        let before: Vec<u64> = self
            .runs
            .iter()
            .map(|run| {
                let size = self.types.get(run.of as usize).map_or(0, |row| row.size);
                let Some(bytes) = sizes.get_mut(run.module as usize) else { return 0 };
                let before = *bytes;
                *bytes = before.saturating_add(run.len.saturating_mul(size));
                before
            })
            .collect();
        index.extend(self.key);
        number(&mut index, sizes.iter().fold(0, |sum: u64, &size| sum.saturating_add(size)));
        // The text: names of roots, of modules, then the words of types.
        let mut text = Vec::<u8>::new();
        let mut place = |words: &[u8]| {
            let start = text.len();
            text.extend(words);
            [start as u64, words.len() as u64]
        };
        let of_roots: Vec<_> = self.roots.iter().map(|row| place(&row.name)).collect();
        let of_modules: Vec<_> = self.modules.iter().map(|name| place(name)).collect();
        let of_types: Vec<_> = self.types.iter().map(|row| [place(&row.name), place(&row.layout)].concat()).collect();
        let counts = [self.version.len(), self.types.len(), self.roots.len(), text.len(), self.modules.len()];
        for count in counts.into_iter().chain([self.runs.len(), self.buckets.len(), self.names.len()]) {
            number(&mut index, count as u64);
        }
        index.extend(&self.version);
        for (row, words) in self.types.iter().zip(of_types) {
            index.extend(row.fingerprint);
            [row.size, row.align].into_iter().chain(words).for_each(|field| number(&mut index, field));
        }
        for (row, name) in self.roots.iter().zip(of_roots) {
            name.into_iter().chain([row.of, row.at]).for_each(|field| number(&mut index, field));
        }
        index.extend(text);
        for (name, bytes) in of_modules.into_iter().zip(sizes) {
            name.into_iter().chain([bytes]).for_each(|field| number(&mut index, field));
        }
        for (row, before) in self.runs.iter().zip(before) {
            index.extend([row.of, row.module].map(u32::to_ne_bytes).concat());
            for field in [row.start, row.len, before] {
                number(&mut index, field);
            }
        }
        self.buckets.iter().for_each(|first| index.extend(first.to_ne_bytes()));
        for row in &self.names {
            number(&mut index, row.at);
            index.extend([row.len, row.hash].map(u32::to_ne_bytes).concat());
        }
        index.extend(&self.rest);
        index
    }

    /// A number of the header.
    fn number(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.header[at..at + 8].try_into().unwrap())
    }

    /// Sets a number of the header.
    pub fn set_number(&mut self, at: usize, number: u64) {
        put(&mut self.header, at, number);
    }

    /// The address that the first linked byte is written for.
    pub fn window(&self) -> u64 {
        self.number(WINDOW)
    }

    /// Bytes of code of the images that it stands on.
    pub fn below(&self) -> u64 {
        self.number(WINDOW + 8)
    }

    /// Writes it for another window: each marked word goes with it.
    pub fn rebase(&mut self, window: u64) {
        let distance = window.wrapping_sub(self.window());
        for word in
            (0..self.linked.len() / 8).filter(|word| self.marks.get(word / 8).unwrap_or(&0) >> (word % 8) & 1 != 0)
        {
            let word = &mut self.linked[word * 8..][..8];
            let moved = u64::from_ne_bytes((&*word).try_into().unwrap()).wrapping_add(distance);
            word.copy_from_slice(&moved.to_ne_bytes());
        }
        self.set_number(WINDOW, window);
    }

    /// Marks a word of the linked half, or takes its mark away.
    pub fn set_mark(&mut self, at: usize, is_address: bool) {
        let bit = 1 << (at / 8 % 8);
        self.marks.resize(self.marks.len().max(at / 64 + 1), 0);
        let byte = &mut self.marks[at / 64];
        *byte = *byte & !bit | if is_address { bit } else { 0 };
    }

    /// Makes a word of the linked half an address in the code, and marks it.
    pub fn refer(&mut self, at: usize, to: u64) {
        let address = self.window().wrapping_add(to);
        put(&mut self.linked, at, address);
        self.set_mark(at, true);
    }
}

/// The number that tells whether a header was damaged.
#[allow(deprecated)] // the hash of the files that are changed here
fn checksum(bytes: &[u8]) -> u64 {
    use std::hash::{Hasher, SipHasher};
    let mut hasher = SipHasher::new_with_keys(0, 0);
    hasher.write(bytes);
    hasher.finish()
}

/// Puts a number into bytes.
fn put(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_ne_bytes());
}
