//! Handlers look at what an arena shows while it is dropped, and while the next one shows something else: none reads what was given back.
//!
//! Each model runs on the library's post, and on copies that are weaker in one thing. There it must fail.

use crate::copies::copies;

/// A post, and the models.
macro_rules! posts {
    ($of:literal, $copy:ident, $(#[$hidden:meta])?) => {
        mod post {
            include!(concat!(env!("OUT_DIR"), "/", $of, "/", stringify!($copy), ".rs"));
        }

        mod models {
            use super::post::Post;
            use crate::Watched;
            use crate::copies::bounded;
            use core::ptr::NonNull;
            use loom::sync::Arc;
            use loom::thread;

            /// A post that was used before threads share it, by an arena that is gone.
            fn post() -> Arc<Post<Watched>> {
                let post = Post::free();
                assert!(show(&post).is_some_and(|site| end(&post, site)));
                Arc::new(post)
            }

            /// Takes the post and shows a site there that was written just now, unless somebody has the post.
            fn show(post: &Post<Watched>) -> Option<&'static Watched> {
                if !post.take() {
                    return None;
                }
                let site = Watched::new();
                site.write(7);
                // SAFETY: taken just now, and the site stays for ever: `end` only writes to it.
                unsafe { post.open(NonNull::from(site)) };
                Some(site)
            }

            /// Gives up what was shown. Whether its memory was given back, which is a write that nobody may read.
            fn end(post: &Post<Watched>, site: &Watched) -> bool {
                // SAFETY: the post was taken by `show`.
                let free = unsafe { post.leave() };
                if free {
                    site.write(1);
                }
                free
            }

            fn look(post: &Post<Watched>) -> Option<u32> {
                post.look(|site| Some(site.read()))
            }

            #[test]
            $(#[$hidden])?
            fn nobody_reads_what_was_given_back() {
                bounded(|| {
                    let post = post();
                    let site = show(&post).unwrap();
                    let others = [0, 1].map(|_| {
                        let post = post.clone();
                        thread::spawn(move || look(&post))
                    });
                    end(&post, site);
                    for other in others {
                        assert!([None, Some(7)].contains(&other.join().unwrap()));
                    }
                    assert_eq!(look(&post), None);
                });
            }

            #[test]
            $(#[$hidden])?
            fn nobody_reads_what_the_next_one_gave_back() {
                bounded(|| {
                    let post = post();
                    let site = show(&post).unwrap();
                    let other = post.clone();
                    let other = thread::spawn(move || look(&other));
                    end(&post, site);
                    let next = show(&post).unwrap();
                    assert_eq!(look(&post), Some(7));
                    end(&post, next);
                    assert!([None, Some(7)].contains(&other.join().unwrap()));
                });
            }

            #[test]
            $(#[$hidden])?
            fn one_has_the_post() {
                bounded(|| {
                    let post = post();
                    let other = post.clone();
                    let other = thread::spawn(move || show(&other).is_some());
                    let own = show(&post).is_some();
                    assert!(own != other.join().unwrap());
                    assert_eq!(look(&post), Some(7));
                });
            }
        }
    };
}

copies! {
    "post", posts,
    a_site_is_shown_relaxed
    a_post_opens_relaxed
    a_looker_comes_relaxed
    a_looker_goes_relaxed
    the_owner_does_not_look_back
    a_looker_looks_before_it_is_counted
    the_lookers_are_read_and_then_the_post_is_closed
}
