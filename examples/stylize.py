"""Paint a picture from Python, and watch the loss.

python examples/stylize.py PHOTO PAINTING RESULT.png
"""

import sys

from neurotransfer import Settings, save_image, stylize


def main(photo: str, painting: str, result: str) -> None:
    settings = Settings(size=256, steps=20)
    for step in stylize(photo, painting, settings):
        print(f"{step.index:3} content {step.losses['content']:.3g} style {step.losses['style']:.3g}")
    save_image(result, step.image)


if __name__ == "__main__":
    main(*sys.argv[1:])
