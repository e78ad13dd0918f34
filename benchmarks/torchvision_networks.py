"""torchvision's networks by featx's names, for PyTorch's side of a comparison.

Nothing of featx is imported: the interpreter may be another one.
"""

NORMAL = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""ImageNet's, that torchvision's weights were trained with."""


def builders():
    """Return torchvision's networks, without weights, by featx's names."""
    from torchvision import models

    def inception():
        return models.inception_v3(weights=None, init_weights=False)

    return {
        "resnet50": models.resnet50,
        "resnet101": models.resnet101,
        "resnet152": models.resnet152,
        "vgg16": models.vgg16,
        "densenet121": models.densenet121,
        "inceptionv3": inception,
        "mobilenetv2": models.mobilenet_v2,
        "mobilenetv2-0.35": lambda: models.mobilenet_v2(width_mult=0.35),
    }


def without_classifier(torch, model):
    """Return a network that ends with its pooled features."""
    name = "fc" if hasattr(model, "fc") else "classifier"
    setattr(model, name, torch.nn.Identity())
    return model
