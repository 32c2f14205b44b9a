# docker build -t neuro-style . && docker run -v "$PWD:/photos" neuro-style
FROM python:3.11-slim-bookworm AS base

FROM base AS build
# strip, for below. It stays in this stage, so its version does not matter.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils

# What the program needs comes before the program, so that a change of the program downloads nothing again.
#
# TensorFlow is nearly all of the image. Four things go that no run reads: its C++ headers (277 MB), the symbol tables of
# its libraries (253 MB), libclang, which it requires and never imports (65 MB), and the packages' own tests (48 MB).
# Only TensorFlow's libraries are stripped: NumPy's no longer load then. Compiled Python stays (88 MB): without it every
# start takes twice as long. The import at the end makes the build fail, not a run, should one of them be missed some day.
WORKDIR /source
COPY pyproject.toml .
RUN python -m venv --without-pip /venv \
 && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    > /requirements.txt \
 && pip --python /venv/bin/python install --no-cache-dir --requirement /requirements.txt \
 && pip --python /venv/bin/python uninstall --yes libclang \
 && rm -r /venv/lib/python*/site-packages/tensorflow/include \
 && find /venv -name tests -type d -prune -exec rm -r {} + \
 && find /venv -path '*/tensorflow/*.so*' -type f -exec strip --strip-unneeded {} + \
 && /venv/bin/python -c "import tensorflow"

COPY . .
RUN pip --python /venv/bin/python install --no-cache-dir --no-deps --prefix /program .

FROM base
COPY --from=build /venv /venv
COPY --from=build /program /venv
# Keras leaves a file in the home folder; a user without one would find it among the photos.
ENV PATH=/venv/bin:$PATH HOME=/tmp
# Without a mount, and whoever runs it (--user), the picture needs a folder that takes it.
RUN mkdir --mode 1777 /photos
WORKDIR /photos
# Not root; and the first user of most computers, to whom the results then belong.
USER 1000:1000
ENTRYPOINT ["neurotransfer"]
CMD ["run"]
