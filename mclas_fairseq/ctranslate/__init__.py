"""CTranslate2: its library, and Transformers in its form."""
