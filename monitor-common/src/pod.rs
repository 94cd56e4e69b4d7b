//! The only `unsafe` of this crate: marker impls for types whose layout is already proven.

use crate::settings::Settings;

macro_rules! pod { ($($t:ty),* $(,)?) => { $(
    const _: () = {
        const fn proven<T: zerocopy::IntoBytes + zerocopy::FromBytes + zerocopy::Immutable + Copy>() {}
        proven::<$t>();
    };
    // SAFETY: the bounds above prove that every bit pattern is valid and no byte is padding.
    #[cfg(feature = "user")]
    unsafe impl aya::Pod for $t {}
)* } }

pod!(Settings);
