//! Gives a picture the colours that everybody assumes for one without a profile.

use image::RgbImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Converts a picture from the colours of its profile to sRGB. Without a profile that can be used, it
/// stays as it is.
pub(super) fn to_srgb(picture: RgbImage, profile: Option<&[u8]>) -> RgbImage {
    let converted = profile.and_then(|profile| converted(&picture, profile));
    converted.unwrap_or(picture)
}

fn converted(picture: &RgbImage, profile: &[u8]) -> Option<RgbImage> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform = profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options).ok()?;
    let mut converted = RgbImage::new(picture.width(), picture.height());
    transform.transform(picture, &mut converted).ok()?;
    Some(converted)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn colours_of_a_wider_space_are_converted() {
        let green = RgbImage::from_pixel(2, 2, Rgb([0, 200, 0]));
        let wide = ColorProfile::new_display_p3().encode().unwrap();
        let Rgb([red, g, blue]) = *to_srgb(green.clone(), Some(&wide)).get_pixel(1, 1);
        assert!(g > 200 && red < 5 && blue < 60, "{red} {g} {blue}");
        for profile in [None, Some(&b"no profile"[..])] {
            assert_eq!(to_srgb(green.clone(), profile), green);
        }
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        let Rgb(same) = *to_srgb(green, Some(&srgb)).get_pixel(0, 0);
        assert!(same[1].abs_diff(200) <= 1, "{same:?}");
    }
}
