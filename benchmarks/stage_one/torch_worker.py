"""PyTorch by turns: a plain loop, where torch and torchvision are installed.

It may run on an interpreter of its own, so it imports nothing of featx.
"""

import os
import time
from typing import Any

from benchmarks.torchvision_networks import NORMAL, builders, without_classifier
from benchmarks.turns import serve


class TorchWorker:
    """Runs one network over a folder."""

    def open(self, backbone: str, image_size: int, folder: str) -> dict[str, Any]:
        """Load the network and run it once, or say why not."""
        try:
            import torch
            import torchvision
            from torchvision import datasets, transforms
        except ModuleNotFoundError as error:
            return {"skipped": f"{error.name} is not installed"}
        except (ImportError, RuntimeError) as error:  # two that don't belong together
            return {"skipped": f"can't be imported: {error}"}

        build = builders().get(backbone)
        if build is None:
            return {"skipped": f"torchvision has no {backbone}"}
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = without_classifier(torch, build()).eval().to(self._device)
        shown = transforms.Compose(
            [
                transforms.Resize((image_size, image_size)),
                transforms.ToTensor(),
                transforms.Normalize(**NORMAL),
            ]
        )
        self._dataset = datasets.ImageFolder(folder, shown)
        self._run(range(min(64, len(self._dataset))))
        versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        return {"versions": versions}

    def end_to_end(self, half: int) -> dict[str, float]:
        """Embed the first or second half of the folder; the network is loaded."""
        middle, end = len(self._dataset) // 2, len(self._dataset)
        start = time.perf_counter()
        images = self._run((range(middle), range(middle, end))[half])
        return {"images": images, "seconds": time.perf_counter() - start}

    def _run(self, rows: range) -> int:
        data = self._torch.utils.data
        loader = data.DataLoader(
            data.Subset(self._dataset, rows),
            batch_size=32,
            num_workers=os.cpu_count() or 1,
        )
        with self._torch.inference_mode():
            embedded = [self._model(x.to(self._device)).cpu() for x, _ in loader]
        return sum(map(len, embedded))


if __name__ == "__main__":
    serve(TorchWorker())
