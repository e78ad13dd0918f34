"""Code in other languages than Python that asks exported models.

It reads the pixels that the Python code made from files, since another way to resize
gives others. A test runs the code as it is written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_JAVASCRIPT = """
import { readFile } from "node:fs/promises";
import { InferenceSession, Tensor } from "onnxruntime-node";
import sharp from "sharp";

async function read(file) {
  const photo = sharp(file, { ignoreIcc: true }).rotate();
  const opaque = photo.flatten({ background: "white" }).toColourspace("srgb");
  const { data, info } = await opaque.raw().toBuffer({ resolveWithObject: true });
  return new Tensor("uint8", data, [<batch>, info.height, info.width, 3]);
}

const classes = (await readFile("classes.txt", "utf8")).trimEnd().split("\\n");
const session = await InferenceSession.create("<file>");
const images = {
<images>
};
const { probabilities } = await session.run(images);
for (const [column, name] of classes.entries())
  console.log(name, probabilities.data[column]);
"""

_REPEATED_IN_JAVASCRIPT = (
    '"uint8", data,',
    '"uint8", Buffer.concat(Array(<batch>).fill(data)),',
)

_READ_IN_CPP = """
#include <cstdint>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <<header>>

struct Images {
  std::vector<int64_t> shape;
  std::vector<uint8_t> pixels;
};

// Read a binary PPM file, which holds RGB pixels as they are.
Images read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string magic, highest;
  int64_t width = 0, height = 0;
  stream >> magic >> width >> height >> highest;
  stream.get();
  std::vector<uint8_t> pixels(height * width * 3);
  stream.read(reinterpret_cast<char*>(pixels.data()), pixels.size());
  if (!stream) throw std::runtime_error(file + ": not a binary PPM file");
  return {{<batch>, height, width, 3}, pixels};
}
"""

_REPEATED_IN_CPP = (
    "  return {{",
    """\
  // As many images as it takes at once: here the same <batch> times.
  const auto one = pixels;
  for (int n = 1; n < <batch>; n++)
    pixels.insert(pixels.end(), one.begin(), one.end());
  return {{""",
)

_SHOW_IN_CPP = """\
  std::ifstream classes("classes.txt");
  for (std::string name; std::getline(classes, name);)
    std::cout << name << " " << *probabilities++ << "\\n";
}
"""

_WITH_ONNXRUNTIME = f"""{_READ_IN_CPP}
int main() {{
  std::vector<Images> images = {{
<images>
  }};
  const char* inputs[] = {{<names>}};
  const char* output = "probabilities";
  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  std::vector<Ort::Value> given;
  for (auto& one : images)
    given.push_back(Ort::Value::CreateTensor<uint8_t>(
        memory, one.pixels.data(), one.pixels.size(), one.shape.data(), 4));
  Ort::Env environment;
  Ort::Session session(environment, "<file>", Ort::SessionOptions());
  auto found = session.Run({{}}, inputs, given.data(), given.size(), &output, 1);
  const float* probabilities = found[0].GetTensorData<float>();
{_SHOW_IN_CPP}"""

_WITH_TENSORFLOW = f"""{_READ_IN_CPP}
using tensorflow::Tensor;

Tensor tensor_of(const Images& images) {{
  Tensor tensor(tensorflow::DT_UINT8, tensorflow::TensorShape(images.shape));
  auto place = static_cast<uint8_t*>(tensor.data());
  for (uint8_t pixel : images.pixels) *place++ = pixel;
  return tensor;
}}

int main() {{
  tensorflow::SavedModelBundleLite model;
  TF_CHECK_OK(
      tensorflow::LoadSavedModel({{}}, {{}}, "<file>", {{"serve"}}, &model));
  auto signature = model.GetSignatures().at("serving_default");
  auto inputs = signature.inputs();
  std::vector<std::pair<std::string, Tensor>> images = {{
<images>
  }};
  auto output = signature.outputs().at("probabilities").name();
  std::vector<Tensor> found;
  TF_CHECK_OK(model.GetSession()->Run(images, {{output}}, {{}}, &found));
  auto probabilities = static_cast<const float*>(found[0].data());
{_SHOW_IN_CPP}"""


@dataclass(frozen=True)
class Snippet:
    """Code in a language that asks files of a format.

    What differs from file to file stands in angle brackets.

    Attributes
    ----------
    language : str
    fence : str
        The language, as Markdown knows it.
    source : str
        Name of the file that the code is to be saved as.
    commands : str
        What builds and runs it, in a shell.
    code : str
    image : str
        A line of the code's `images`.
    repeated : (str, str)
        Code, and what to put there where a model takes several images at once.
    pixels : str
        Suffix of the files that pixels are read from.
    decodes : bool
        Whether it reads photos themselves, and gets the same pixels as featx.
    """

    language: str
    fence: str
    source: str
    commands: str
    code: str
    image: str
    repeated: tuple[str, str]
    pixels: str
    decodes: bool = False

    def reads(self, given: Mapping[str, Any]) -> str:
        """Return the file that is read for one of a model's inputs."""
        if self.decodes and given["image_size"] is None:
            return "photo.jpg"
        return f"{given['name']}.{self.pixels}"

    def code_for(self, entry: Mapping[str, Any]) -> str:
        """Return the code that asks a file, from its entry in `export.json`."""
        batch, inputs = entry["batch_size"] or 1, entry["inputs"]
        code = self.code.replace(*self.repeated) if batch > 1 else self.code
        lines = [
            self.image.replace("<name>", one["name"]).replace("<read>", self.reads(one))
            for one in inputs
        ]
        values = {
            "<images>": "\n".join(lines),
            "<names>": ", ".join(f'"{one["name"]}"' for one in inputs),
            "<batch>": str(batch),
            "<file>": entry["file"],
        }
        for name, value in values.items():
            code = code.replace(name, value)
        return code


_SNIPPETS = {
    "savedmodel": (
        Snippet(
            language="C++",
            fence="cpp",
            source="ask_savedmodel.cpp",
            commands="""
tf=$(python -c "import tensorflow as tf; print(tf.sysconfig.get_lib())")
g++ -std=c++17 ask_savedmodel.cpp -o ask -isystem $tf/include -L$tf -Wl,-rpath,$tf \\
    -Wl,--no-as-needed -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2
./ask
""",
            code=_WITH_TENSORFLOW.replace(
                "<header>", "tensorflow/cc/saved_model/loader.h"
            ),
            image='      {inputs.at("<name>").name(), tensor_of(read("<read>"))},',
            repeated=_REPEATED_IN_CPP,
            pixels="ppm",
        ),
    ),
    "onnx": (
        Snippet(
            language="JavaScript",
            fence="js",
            source="ask_onnx.mjs",
            commands="""
# Scripts would only add libraries for CUDA.
npm install --ignore-scripts onnxruntime-node sharp
node ask_onnx.mjs
""",
            code=_JAVASCRIPT,
            image='  "<name>": await read("<read>"),',
            repeated=_REPEATED_IN_JAVASCRIPT,
            pixels="png",
            decodes=True,
        ),
        Snippet(
            language="C++",
            fence="cpp",
            source="ask_onnx.cpp",
            commands="""
g++ -std=c++17 ask_onnx.cpp -o ask $(pkg-config --cflags --libs libonnxruntime)
./ask
""",
            code=_WITH_ONNXRUNTIME.replace("<header>", "onnxruntime_cxx_api.h"),
            image='      read("<read>"),',
            repeated=_REPEATED_IN_CPP,
            pixels="ppm",
        ),
    ),
}
"""By format."""


def other_languages(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return a section of Markdown from entries of `export.json`.

    It has one piece of code for each language and format: of the files that there are,
    for the one that takes photos.

    Returns
    -------
    str
        Empty if there is code in Python only.
    """
    # Later entries take the place of earlier ones.
    by_format = {
        one["format"]: one
        for one in sorted(entries, key=lambda entry: entry["with_resize"])
    }
    chosen = [
        (snippet, entry)
        for name, entry in by_format.items()
        for snippet in _SNIPPETS.get(name, ())
    ]
    if not chosen:
        return ""
    files = [
        snippet.reads(given) for snippet, entry in chosen for given in entry["inputs"]
    ]
    return "".join(
        ["\n## Other languages\n", *_saving(files), *(_section(*one) for one in chosen)]
    )


def _saving(files: Iterable[str]) -> Iterable[str]:
    """Say how to write the files with pixels."""
    suffixes = {file.partition(".")[2] for file in files} - {"jpg"}
    if not suffixes:
        return
    yield (
        "\nThis code reads pixels from files. The Python code for the same model gives"
        " them:\n"
    )
    lines = [
        f'    Image.fromarray(array[0]).save(f"{{name}}.{suffix}")'
        for suffix in sorted(suffixes)
    ]
    yield fenced("python", "\n".join(["for name, array in images.items():", *lines]))


def _section(snippet: Snippet, entry: Mapping[str, Any]) -> str:
    return (
        f"\n### {snippet.language}: `{entry['file']}`\n"
        f"\nSaved as `{snippet.source}`:\n"
        f"{fenced(snippet.fence, snippet.code_for(entry))}"
        f"{fenced('sh', snippet.commands)}"
    )


def fenced(language: str, text: str) -> str:
    """Return code as a block of Markdown."""
    return f"\n```{language}\n{text.strip()}\n```\n"
