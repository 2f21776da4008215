#!/usr/bin/python3
"""Smooths an image with a median filter: filter.py IMAGE SIZE writes filtered.png.

Each pixel becomes the median of its SIZE × SIZE neighbours, so that specks vanish and edges stay.
"""

import sys

from PIL import Image, ImageFilter, UnidentifiedImageError

LARGEST_SIZE = 31
LARGEST_IMAGE = 40_000_000  # pixels


def fail(message):
    """What the person who filled in the form can mend ends with code 2."""
    print(f"filter: {message}", file=sys.stderr)
    sys.exit(2)


def filter_size(text):
    try:
        size = int(text)
    except ValueError:
        fail(f"el tamaño de filtro debe ser un número entero impar, no «{text}»")
    if size < 1 or size > LARGEST_SIZE or size % 2 == 0:
        fail(f"el tamaño de filtro debe ser impar, de 1 a {LARGEST_SIZE}, no {size}")
    return size


def read_image(path):
    # Panal bounds memory and time as well; a picture that would only run into them is refused with a reason.
    Image.MAX_IMAGE_PIXELS = LARGEST_IMAGE
    try:
        image = Image.open(path)
        if image.width * image.height > LARGEST_IMAGE:
            fail(f"la imagen es demasiado grande: {image.width} × {image.height} píxeles")
        return image.convert("RGBA" if "A" in image.getbands() else "RGB")
    except UnidentifiedImageError:
        fail("el fichero de entrada no es una imagen que se pueda leer")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        fail(f"la imagen de entrada está dañada: {error}")


def main():
    if len(sys.argv) != 3:
        fail("uso: filter.py IMAGEN TAMAÑO")
    size = filter_size(sys.argv[2])
    image = read_image(sys.argv[1])
    result = image.filter(ImageFilter.MedianFilter(size))
    result.save("filtered.png")
    print(f"{image.width} × {image.height} píxeles, mediana de {size} × {size}: filtered.png")


if __name__ == "__main__":
    main()
