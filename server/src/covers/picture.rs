//! Makes the sizes of a cover from what an organizer sends. This is pure, and takes up to some
//! seconds of a core.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};

use super::{colours::to_srgb, jpeg};

/// Largest number of pixels. Cameras of phones make pictures of 12 to 25 million.
const MAX_PIXELS: u64 = 25_000_000;
/// Largest size of a picture that is decoded, in bytes: this many pixels with four bytes each.
const MAX_DECODED_BYTES: u64 = 4 * MAX_PIXELS;
/// What a decoder may use besides.
const MAX_ALLOCATED_BYTES: u64 = 2 * MAX_DECODED_BYTES;

/// The widths in which a cover is kept, in pixels, unless the picture has fewer.
const WIDTHS: [u32; 3] = [400, 800, 1600];
/// A cover is so wide and so high.
const RATIO: (u32, u32) = (16, 9);
/// Of 100. A higher quality is hard to tell from this one, and takes many more bytes.
const JPEG_QUALITY: u8 = 80;
/// A picture that is larger by this factor is made smaller in two steps: the first one is fast, and
/// the second one leaves no jagged edges.
const FAST_STEP_FACTOR: u32 = 2;

/// The reason why a picture can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    #[error("the picture is in none of the known formats")]
    UnknownFormat,
    #[error("the picture has too many pixels")]
    TooManyPixels,
    #[error("the picture is incomplete or broken")]
    Broken,
}

impl PictureError {
    /// What is wrong, and what to do.
    pub(crate) fn advice(self) -> String {
        match self {
            Self::UnknownFormat => "Send the picture as JPEG, PNG or WebP.".to_owned(),
            Self::TooManyPixels => format!(
                "The picture has more than {} million pixels. Make it smaller and send it again.",
                MAX_PIXELS / 1_000_000
            ),
            Self::Broken => {
                "The picture is incomplete or broken. Save it anew and send it again.".to_owned()
            }
        }
    }
}

impl From<ImageError> for PictureError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooManyPixels,
            _ => Self::Broken,
        }
    }
}

/// One size of a cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// In pixels.
    pub(crate) width: u32,
    pub(crate) jpeg: Vec<u8>,
}

/// Makes all sizes, the smallest first. None has any metadata.
///
/// # Errors
/// When the picture can't be used.
pub(super) fn sizes(bytes: &[u8]) -> Result<Vec<Size>, PictureError> {
    let Middle { picture, orientation, profile } = middle(bytes)?;
    let is_turned = swaps_sides(orientation);
    let full_width = if is_turned { picture.height() } else { picture.width() };
    let widths = widths_of(full_width);
    let largest = widths.last().copied().unwrap_or(full_width);
    // What is small is turned and converted faster.
    let picture = match is_turned {
        false => shrunk(picture, largest, height_of(largest)),
        true => shrunk(picture, height_of(largest), largest),
    };
    let mut picture = DynamicImage::ImageRgb8(to_srgb(picture.into_rgb8(), profile.as_deref()));
    picture.apply_orientation(orientation);
    let mut sizes = Vec::new();
    for width in widths.into_iter().rev() {
        picture = shrunk(picture, width, height_of(width));
        sizes.push(Size { width, jpeg: encoded(&picture)? });
    }
    sizes.reverse();
    Ok(sizes)
}

/// The widths in which a picture of this width is kept.
fn widths_of(full_width: u32) -> Vec<u32> {
    let mut widths: Vec<u32> = WIDTHS.into_iter().filter(|width| *width < full_width).collect();
    if widths.len() < WIDTHS.len() {
        widths.push(full_width.min(WIDTHS[WIDTHS.len() - 1]));
    }
    widths
}

fn height_of(width: u32) -> u32 {
    (width * RATIO.1 / RATIO.0).max(1)
}

/// The part of a picture that a cover shows. It is not turned yet.
struct Middle {
    picture: DynamicImage,
    orientation: Orientation,
    /// What its colours mean.
    profile: Option<Vec<u8>>,
}

fn middle(bytes: &[u8]) -> Result<Middle, PictureError> {
    let format = image::guess_format(bytes).map_err(|_| PictureError::UnknownFormat)?;
    match format {
        ImageFormat::Png | ImageFormat::WebP => {}
        ImageFormat::Jpeg if jpeg::has_end(bytes) => {}
        ImageFormat::Jpeg => return Err(PictureError::Broken),
        _ => return Err(PictureError::UnknownFormat),
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ALLOCATED_BYTES);
    reader.limits(limits);
    // This reads no more than the head.
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS
        || decoder.total_bytes() > MAX_DECODED_BYTES
    {
        return Err(PictureError::TooManyPixels);
    }
    // A picture whose metadata can't be read is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let whole = DynamicImage::from_decoder(decoder)?;

    let ratio = if swaps_sides(orientation) { (RATIO.1, RATIO.0) } else { RATIO };
    let (cut_width, cut_height) = largest_within(width, height, ratio);
    let (x, y) = ((width - cut_width) / 2, (height - cut_height) / 2);
    let picture = whole.crop_imm(x, y, cut_width, cut_height);
    drop(whole);
    Ok(Middle { picture: opaque(picture), orientation, profile })
}

/// The largest width and height of this ratio within a picture.
fn largest_within(width: u32, height: u32, (across, down): (u32, u32)) -> (u32, u32) {
    // Pictures have far fewer pixels than a `u64` can count.
    let scaled = |side: u32, by: u32, of: u32| u64::from(side) * u64::from(by) / u64::from(of);
    let fitting = |side: u64, max: u32| u32::try_from(side).unwrap_or(max).clamp(1, max);
    match u64::from(width) * u64::from(down) > u64::from(height) * u64::from(across) {
        true => (fitting(scaled(height, across, down), width), height),
        false => (width, fitting(scaled(width, down, across), height)),
    }
}

/// Whether a picture is stored on its side.
fn swaps_sides(orientation: Orientation) -> bool {
    match orientation {
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => false,
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => true,
    }
}

/// JPEG has no transparency.
fn opaque(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    let opaque = RgbImage::from_fn(width, height, |x, y| on_white(*picture.get_pixel(x, y)));
    DynamicImage::ImageRgb8(opaque)
}

fn on_white(Rgba([red, green, blue, alpha]): Rgba<u8>) -> Rgb<u8> {
    let mixed = |colour: u8| {
        let (colour, alpha) = (u32::from(colour), u32::from(alpha));
        u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
    };
    Rgb([red, green, blue].map(mixed))
}

fn shrunk(picture: DynamicImage, width: u32, height: u32) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture;
    }
    let (first_width, first_height) = (width * FAST_STEP_FACTOR, height * FAST_STEP_FACTOR);
    let picture = match picture.width() > first_width && picture.height() > first_height {
        true => picture.thumbnail_exact(first_width, first_height),
        false => picture,
    };
    picture.resize_exact(width, height, FilterType::CatmullRom)
}

fn encoded(picture: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let mut jpeg = Vec::new();
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY))?;
    jpeg.shrink_to_fit();
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_never_enlarged() {
        for (full, expected) in [
            (4_000, vec![400, 800, 1_600]),
            (1_600, vec![400, 800, 1_600]),
            (1_599, vec![400, 800, 1_599]),
            (801, vec![400, 800, 801]),
            (800, vec![400, 800]),
            (400, vec![400]),
            (399, vec![399]),
            (1, vec![1]),
        ] {
            assert_eq!(widths_of(full), expected, "{full}");
        }
    }

    #[test]
    fn the_middle_is_as_large_as_possible() {
        for (size, expected) in [
            ((1_600, 900), (1_600, 900)),
            ((3_200, 900), (1_600, 900)),
            ((1_600, 4_000), (1_600, 900)),
            ((1, 1), (1, 1)),
            ((25_000_000, 1), (1, 1)),
            ((1, 25_000_000), (1, 1)),
        ] {
            assert_eq!(largest_within(size.0, size.1, RATIO), expected, "{size:?}");
        }
    }

    #[test]
    fn transparency_is_white() {
        assert_eq!(on_white(Rgba([0, 9, 200, 255])), Rgb([0, 9, 200]));
        assert_eq!(on_white(Rgba([0, 9, 200, 0])), Rgb([255, 255, 255]));
        assert_eq!(on_white(Rgba([0, 0, 0, 128])), Rgb([127, 127, 127]));
    }
}
