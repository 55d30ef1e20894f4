"""The number formats that a model in CTranslate2's form can have, and the files of each."""

FOLDER = "ct2"  # in a bundle, with a folder for each form
FORMS = ("int8", "bfloat16", "float32")
MODEL_FILE = "model.bin"
MAP_FILE = "vmap.txt"
FORM_FILES = (MODEL_FILE, MAP_FILE, "config.json", "shared_vocabulary.json")
