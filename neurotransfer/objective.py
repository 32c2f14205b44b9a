"""The objective: a picture -> its losses and their gradient. One callable, the same for every optimiser."""

from typing import NamedTuple

import numpy as np

from neurotransfer.backend import tf
from neurotransfer.images import Array
from neurotransfer.losses import content_loss, gram, style_loss, total_variation, whitening
from neurotransfer.settings import Settings
from neurotransfer.vgg import VGG19, Tensor


class Losses(NamedTuple):
    """The terms of the total loss, weights included."""

    content: float
    style: float
    tv: float

    @property
    def total(self) -> float:
        """Return the sum of the terms: what is minimised."""
        return self.content + self.style + self.tv


class Evaluation(NamedTuple):
    """A picture (H, W, 3) with its losses and, where asked for, d total / d pixel of the same shape."""

    image: Array
    losses: Losses
    gradient: Array | None


class Objective:
    """The losses of pictures of one size against one photo and one painting.

    ``objective(image)`` takes float32 (H, W, 3), RGB around 0..255, of the photo's size, and returns an `Evaluation`.
    The targets, content features and style Gram matrices, are computed once. The picture is the only variable.
    """

    def __init__(self, network: VGG19, settings: Settings, content: Array, style: Array) -> None:
        self._network = network
        self._settings = settings
        self._layers = tuple(dict(settings.content_layers) | dict(settings.style_layers))
        self._content_targets = network(tf.constant(content[np.newaxis]), tuple(dict(settings.content_layers)))
        style_features = network(tf.constant(style[np.newaxis]), tuple(dict(settings.style_layers)))
        self._gram_targets = {name: gram(features) for name, features in style_features.items()}
        self._metrics = (
            {name: whitening(target, settings.whitening) for name, target in self._gram_targets.items()}
            if settings.whitening
            else {}
        )
        self._image = tf.Variable(content[np.newaxis])
        self._value = tf.function(self._terms, autograph=False)
        self._value_and_gradient = tf.function(self._terms_and_gradient, autograph=False)

    def __call__(self, image: Array, *, gradient: bool = True) -> Evaluation:
        """Evaluate ``image``; without ``gradient`` at a third of the cost."""
        self._image.assign(image[np.newaxis])
        if not gradient:
            return Evaluation(image, Losses(*self._value().numpy().tolist()), None)
        terms, slope = self._value_and_gradient()
        return Evaluation(image, Losses(*terms.numpy().tolist()), slope.numpy()[0])

    def _terms(self) -> Tensor:
        """Return [content, style, total variation], weighted, float32 (3,)."""
        settings = self._settings
        image = self._image.value()
        features = self._network(image, self._layers)
        content = tf.add_n(
            [
                weight * content_loss(features[name], self._content_targets[name], settings.objective)
                for name, weight in settings.content_layers
            ]
        )
        style = tf.add_n(
            [
                weight
                * style_loss(
                    gram(features[name]), self._gram_targets[name], settings.objective, self._metrics.get(name)
                )
                for name, weight in settings.style_layers
            ]
        )
        tv = total_variation(image) if settings.tv_weight else tf.constant(0.0)
        return tf.stack([settings.content_weight * content, settings.style_weight * style, settings.tv_weight * tv])

    def _terms_and_gradient(self) -> tuple[Tensor, Tensor]:
        with tf.GradientTape() as tape:
            terms = self._terms()
            total = tf.reduce_sum(terms)
        return terms, tape.gradient(total, self._image)
