"""Packaging of mclas-fairseq: a fairseq plugin for cross-lingual summarization."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# Read, not imported: the package may need what is not there yet.
VERSION = (HERE / "mclas_fairseq" / "version.py").read_text(encoding="utf-8").split('"')[-2]

# fairseq itself is installed beside this package, without its dependencies (see the Makefile and
# README, "Installation"): it declares torchaudio, which text does not need and which cannot be
# imported beside a CPU build of torch. What fairseq needs for text is listed here by name.
FAIRSEQ_NEEDS = [
    "bitarray",
    "cffi",
    "cython",
    "hydra-core==1.3.2",
    "numpy>=1.26",
    "omegaconf==2.3.0",
    "packaging",
    "regex",
    "sacrebleu>=2.4",
    "scikit-learn",
    "tqdm",
]

# What only some features need (mclas_fairseq/extras.py says so when it is missing).
EXTRAS = {
    "metrics": ["bert-score", "POT", "transformers"],
    "xlsum": ["fugashi", "jieba", "pythainlp", "unidic-lite"],
    "human": ["statsmodels"],
    "convert": ["openpyxl", "pyarrow"],
    "ct2": ["ctranslate2"],
    "pretrained": ["protobuf", "tokenizers", "transformers"],
    "roundtrip": [
        "ctranslate2",
        "datatrove==0.10.1",
        "fastBPE",
        "orjson",
        "transformers",
        "xxhash",
    ],
    "serve": ["fastapi", "fastapi-offline", "prometheus-client", "uvicorn"],
    "ray": ["ray"],
    "notebook": ["ipykernel", "nbclient", "nbformat"],
}
ALL = sorted(
    {package for extra, packages in EXTRAS.items() if extra != "ray" for package in packages}
)

setup(
    name="mclas-fairseq",
    version=VERSION,
    description="Cross-lingual summarization with few examples: a fairseq plugin",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["mclas_fairseq", "mclas_fairseq.*"]),
    package_data={
        "mclas_fairseq": [
            "py.typed",
            "corpus/synthetic_news/*.json",
            "mglm/*.toml",
            "presets/*.toml",
            "serve/*.html",
        ]
    },
    install_requires=[
        "torch==2.13.0",
        *FAIRSEQ_NEEDS,
        "charset-normalizer",
        "langcodes",
        "matplotlib",
        "nltk",
        "py3langid",
        "rouge-score",
        "sacremoses",
        "safetensors",
        "sentencepiece>=0.2.3",
        "snowballstemmer",
        "stopwordsiso",
        "subword-nmt",
        "tabulate",
    ],
    extras_require={
        **EXTRAS,
        "all": ALL,
        "dev": [
            *ALL,
            "httpx2",
            "hypothesis",
            "mypy",
            "playwright",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            "schemathesis",
            "types-regex",
            "types-tabulate",
            "types-tqdm",
        ],
    },
    entry_points={"console_scripts": ["mclas=mclas_fairseq.cli:main"]},
)
