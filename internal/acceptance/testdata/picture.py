"""What another colour management system sees in rendered pictures.

picture.py plain.png converted.png like.png: the colours of the second, by the
profile within it, are those of the first by the profile within like.png.
Prints the name of the embedded profile.
"""
import io
import sys

from PIL import Image, ImageCms

plain, converted, source = (Image.open(p) for p in sys.argv[1:4])


def profile(image):
    return ImageCms.getOpenProfile(io.BytesIO(image.info["icc_profile"]))


def seen(image, by):
    lab = ImageCms.createProfile("LAB")
    how = ImageCms.buildTransform(by, lab, "RGB", "LAB", renderingIntent=1)
    return ImageCms.applyTransform(image.convert("RGB"), how)


before, after = seen(plain, profile(source)), seen(converted, profile(converted))
assert before.size == after.size, (before.size, after.size)
far = sum(max(abs((a - b + 128) % 256 - 128) for a, b in zip(p, q)) > 4 for p, q in zip(before.getdata(), after.getdata()))
assert far <= before.size[0] * before.size[1] // 50, f"{far} pixels look different"
print(ImageCms.getProfileDescription(profile(converted)).strip())
