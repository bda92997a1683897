//! Code and records take pages from two ends, machine code from the end of the records: none is claimed twice.

use super::watermark::{End, Watermark};
use crate::Watched;
use loom::sync::Arc;
use loom::thread;

/// Pages of an arena, each watched.
struct Pages {
    watermark: Watermark,
    pages: [&'static Watched; 2],
}

impl Pages {
    fn new() -> Arc<Self> {
        let watermark = Watermark::new();
        assert!(!watermark.get().native);
        Arc::new(Self { watermark, pages: [Watched::new(), Watched::new()] })
    }

    /// Claims a page and writes to it. Whether there was one.
    fn claim(&self, end: End) -> bool {
        let all = self.pages.len();
        let fits =
            |claimed: super::watermark::Claimed| if claimed.front + claimed.back < all { Ok(1) } else { Err(()) };
        let Ok(claimed) = self.watermark.claim(end, fits) else { return false };
        let page = self.pages[if end == End::Front { claimed.start } else { all - claimed.end }];
        page.write(1);
        assert_eq!(page.read(), 1);
        true
    }

    /// Takes the last page for records. Whether they have it; the first who gets it writes to it.
    fn take(&self) -> bool {
        self.watermark.reach(1, self.pages.len())
    }
}

#[test]
fn a_page_is_codes_or_records() {
    loom::model(|| {
        let pages = Pages::new();
        let other = pages.clone();
        let code = thread::spawn(move || (other.claim(End::Front), other.claim(End::Front)));
        let record = pages.take();
        if record {
            pages.pages[1].write(2);
            assert_eq!(pages.pages[1].read(), 2);
        }
        let (first, second) = code.join().unwrap();
        assert!(first, "records did not ask for it");
        assert!(second != record, "one page for both, or for neither");
    });
}

#[test]
fn records_of_two_threads_have_the_same_page_and_machine_code_another() {
    loom::model(|| {
        let pages = Pages::new();
        let [other, machine] = [pages.clone(), pages.clone()];
        let record = thread::spawn(move || other.take());
        let native = thread::spawn(move || machine.claim(End::Back));
        let own = pages.take();
        let (record, native) = (record.join().unwrap(), native.join().unwrap());
        assert!(native, "there is room for both");
        // Whoever asked after machine code was there has none, though the other may have been in time.
        let claimed = pages.watermark.get();
        assert_eq!(claimed.back, 1 + usize::from(own || record));
        assert!(claimed.native && !pages.take());
    });
}
