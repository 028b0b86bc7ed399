"""Ordinary sentences about many things: what a text that is about none of the topics looks like. Own writing."""

from typing import Final

SENTENCES: Final = tuple(
    line
    for line in """
What is the capital of Mongolia?
Write a short poem about the sea in autumn.
How do I reverse a list in Python?
Explain photosynthesis to a child of ten.
My neighbour's dog barks all night, what can I do?
Who won the world cup in 1974?
Translate this sentence into Portuguese, please.
Give me five ideas for a birthday present.
What is the difference between a virus and a bacterium?
Summarise the following article in three sentences.
I feel tired all the time, could it be the weather?
How many litres of water should one drink in a day?
Tell me a joke about two engineers.
Is it going to rain tomorrow afternoon?
Write an email to my teacher that I am ill.
Which planet has the most moons?
How do magnets work?
What should I wear to a wedding in the garden?
Can you help me with my homework in geometry?
Fix the bug in this function, it returns nothing.
What happened in Paris in 1789?
Recommend a novel with an unreliable narrator.
How long does it take to learn the guitar?
Describe the taste of a mango.
What are the rules of chess?
Who painted the ceiling with the two hands?
Make a plan for a week of exercise without equipment.
Why is the sky blue and the sunset red?
How can I fall asleep faster?
Compare solar and wind power.
What does a notary do?
Turn these notes into a table with three columns.
Name some trees that grow in dry soil.
Is the earth getting warmer?
Should I get a cat or a rabbit?
How do you say thank you in Japanese?
Write a story about a lighthouse keeper.
What is inflation and why does it matter?
Prove that the square root of two is irrational.
How do I remove a coffee stain from a white shirt?
Who is the president of the country now?
What are good questions for a job interview?
Generate a regular expression for postcodes.
Tell me about the life of bees.
Which vitamins are in carrots?
How do I change a flat tyre on a bicycle?
What is the meaning of life?
List the states of matter with examples.
Where do penguins live?
I had an argument with my best friend.
How was the pyramid of Giza built?
What is a good name for a small bakery?
Calculate the area of a circle with radius four.
How do I install a package with npm?
What films did she direct in the nineties?
Give me the lyrics of a lullaby.
Hello, how are you today?
Thanks, that was all.
Can you say that again in other words?
What can you do for me?
""".splitlines()
    if line
)
