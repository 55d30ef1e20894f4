"""mGLM: one stack that is pretrained by filling in blanks and then writes after a prompt."""
