"""PyTorch by turns, as its users write it: torch.compile, and a DataLoader.

It may run on an interpreter of its own, so it imports nothing of featx. Processes that
decode import this module again.
"""

import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.steady import Watch
from benchmarks.torchvision_networks import NORMAL, builders, without_classifier
from benchmarks.turns import serve

LAST_WORDS = 200


class TorchWorker:
    """Embeds with one of torchvision's networks in one precision."""

    def open(
        self,
        backbone: str,
        precision: str,
        image_size: int,
        batch_size: int,
        workers: int,
        folder: str,
    ) -> dict[str, Any]:
        """Load and compile the network, or say why not.

        Parameters
        ----------
        workers : int
            Of the DataLoader.
        """
        try:
            import torch
            import torchvision
        except ModuleNotFoundError as error:
            return {"skipped": f"{error.name} is not installed"}
        except (ImportError, RuntimeError, OSError) as error:  # a broken installation
            return {"skipped": f"can't be imported: {error}"}

        build = builders().get(backbone)
        if build is None:
            return {"skipped": f"torchvision has no {backbone}"}
        self._torch, self._size, self._workers = torch, image_size, workers
        self._files = sorted(map(str, Path(folder).rglob("*.jpg")))
        self._batch_size = batch_size
        # As featx has it: what is called float32 is not computed in TF32.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._kind = getattr(torch, precision)
        network = without_classifier(torch, build()).eval()
        self._network = network.to(
            self._device, self._kind, memory_format=torch.channels_last
        )
        self._mean, self._std = (
            torch.tensor(NORMAL[name], device=self._device, dtype=self._kind)
            .mul(255)
            .view(1, 3, 1, 1)
            for name in ("mean", "std")
        )
        found = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        return {"versions": found, "device": self._device_name(), **self._compile()}

    def _compile(self) -> dict[str, Any]:
        """Compile the network and run it once; say why where it can't be compiled."""
        torch = self._torch
        shape = (self._batch_size, 3, self._size, self._size)
        self._batch = torch.randint(0, 256, shape, dtype=torch.uint8)
        if self._device == "cuda":
            self._batch = self._batch.pin_memory()
        self._run = torch.compile(self._forward)
        start = time.perf_counter()
        try:
            self._embed(self._batch)
        except Exception as error:  # noqa: BLE001  compilers raise errors of any type
            self._run = self._forward
            self._embed(self._batch)
            lines = str(error).strip().splitlines() or [type(error).__name__]
            return {"not_compiled": lines[0][:LAST_WORDS]}
        return {"start_up": {"compile": time.perf_counter() - start}}

    def embed(self, images: str, seconds: float) -> dict[str, float]:
        """Return images per second of the network alone.

        Parameters
        ----------
        images : {"device", "host"}
            Where they lie: in the device's memory, or in the machine's, pinned.
        seconds : float
        """
        batch = self._batch
        if images == "device":
            batch = batch.to(self._device)
        self._embed(batch)
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            done += len(self._embed(batch))
        return {"rate": done / (time.perf_counter() - start)}

    def end_to_end(self, images: int, decode_with: str) -> dict[str, float]:
        """Embed files through a DataLoader; the network is loaded.

        Parameters
        ----------
        images : int
            Whole batches: a batch of another size would be compiled anew.
        decode_with : {"pillow", "torchvision"}
        """
        watch = Watch()
        loader = self._torch.utils.data.DataLoader(
            Photos(self._files[:images], self._size, decode_with),
            batch_size=self._batch_size,
            num_workers=self._workers,
            pin_memory=self._device == "cuda",
            drop_last=True,
        )
        rows = []
        for batch in loader:
            rows.append(self._embed(batch))
            watch(len(rows) * self._batch_size)
        return watch.result()

    def _embed(self, batch: Any) -> Any:
        with self._torch.inference_mode():
            return self._run(batch.to(self._device, non_blocking=True)).cpu()

    def _forward(self, images: Any) -> Any:
        x = images.to(self._kind, memory_format=self._torch.channels_last)
        return self._network((x - self._mean) / self._std).float()

    def _device_name(self) -> str:
        if self._device == "cpu":
            return "CPU"
        return str(self._torch.cuda.get_device_name())


class Photos:
    """JPEG files as uint8 (3, side, side), for a DataLoader."""

    def __init__(self, files: list[str], side: int, decode_with: str) -> None:
        from torchvision.transforms import v2

        self.files, self.decode_with = files, decode_with
        resize = v2.Resize((side, side), antialias=True)
        to_tensor = [v2.PILToTensor()] if decode_with == "pillow" else []
        self.shown = v2.Compose([resize, *to_tensor])

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.files)

    def __getitem__(self, row: int) -> Any:
        """Read, decode and resize one."""
        if self.decode_with == "pillow":
            from PIL import Image

            return self.shown(Image.open(self.files[row]).convert("RGB"))
        from torchvision.io import ImageReadMode, decode_image

        return self.shown(decode_image(self.files[row], mode=ImageReadMode.RGB))


if __name__ == "__main__":
    serve(TorchWorker())
